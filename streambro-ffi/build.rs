//! Tells the linker what the shared library is.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // Its threads may still be ending when a host that loads plugins takes it away.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
