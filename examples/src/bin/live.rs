//! Keeps a file on the air.
fn main() {}
