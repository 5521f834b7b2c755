//! What C programs are promised.

use streambro_tests::c::Program;
use streambro_tests::nginx::Nginx;

fn clip() -> String {
    streambro_tests::demo_clip().display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_does_what_the_header_says() {
    let nginx = Nginx::start().await;
    let dir = streambro_tests::scratch();
    let program = Program::c(&["tests/c/suite.c"]);
    let out = program.run([&clip(), &nginx.rtmp_url("live"), &dir.path().display().to_string()]);
    assert_eq!(out, "all is as promised\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn cpp_has_values_that_end_by_themselves_and_exceptions() {
    let nginx = Nginx::start().await;
    let out = Program::cpp(&["tests/c/suite.cpp"]).run([&clip(), &nginx.rtmp_url("live")]);
    assert_eq!(out, "all is as promised\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_threads_use_one_manager() {
    let nginx = Nginx::start().await;
    let out = Program::c(&["tests/c/threads.c"]).run([&clip(), &nginx.rtmp_url("live")]);
    assert_eq!(out, "16 threads are done\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_the_host_and_interrupt_its_own_calls() {
    let nginx = Nginx::start().await;
    let out = Program::c(&["tests/c/signals.c"]).run([&clip(), &nginx.rtmp_url("live")]);
    assert_eq!(out, "all signals came to the host\n");
}
