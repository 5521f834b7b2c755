//! The headers by themselves.

use streambro_tests::c::Program;

/// What both files of a program say.
const TWICE: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("CARGO_PKG_VERSION"), "\n");

#[test]
fn they_are_clean_c_and_can_be_included_twice_and_from_two_files() {
    let out = Program::c(&["tests/c/include_a.c", "tests/c/include_b.c"]).run::<&str>([]);
    assert_eq!(out, TWICE);
}

#[test]
fn they_are_clean_cpp_and_can_be_included_twice_and_from_two_files() {
    let out = Program::cpp(&["tests/c/include_a.cpp", "tests/c/include_b.cpp"]).run::<&str>([]);
    assert_eq!(out, TWICE);
}
