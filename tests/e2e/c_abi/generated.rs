//! Programs that are made from the header: nobody can forget a function.

use streambro_tests::c::{Function, Program, functions};
use streambro_tests::demo_clip;
use streambro_tests::dice::Dice;
use streambro_tests::nginx::Nginx;

/// A call with the objects of `tests/c/beside.h`, with NULL and small numbers, and `&error` for the error.
fn plain_call(function: &Function) -> String {
    let arg = |(kind, name): &(String, String)| {
        let object = kind.trim_start_matches("const ").trim_end_matches([' ', '*']);
        match (&**kind, &**name) {
            ("streambro_error **", _) => "&error".to_owned(),
            (kind, _) if kind.ends_with("**") || kind.contains("const *") => "NULL".to_owned(),
            (_, "error") => "failure".to_owned(),
            ("const char *", "name") => "\"bad_key\"".to_owned(),
            ("char *", _) => "string".to_owned(),
            ("streambro_phase *", _) => "NULL".to_owned(),
            (kind, _) if kind.starts_with("streambro_") || kind.starts_with("const streambro_") => {
                object.trim_start_matches("streambro_").to_owned()
            }
            (kind, _) if kind.ends_with('*') => "NULL".to_owned(),
            _ => "1".to_owned(),
        }
    };
    let args: Vec<_> = function.params.iter().map(arg).collect();
    format!("{}({})", function.name, args.join(", "))
}

fn returns_a_code(function: &Function) -> bool {
    function.returns == "streambro_result"
        && function.params.iter().any(|(kind, _)| kind == "streambro_error **")
}

/// Builds and runs a program that does something beside a stream that is on the air.
async fn beside_a_stream(body: &str) {
    let nginx = Nginx::start().await;
    let program = Program::text(&format!(
        "#define _POSIX_C_SOURCE 200809L\n#include \"beside.h\"\n\nint main(int argc, char **argv) {{\n\
         begin(argc, argv);\nstreambro_error *error = NULL;\n{body}\nreturn end();\n}}\n"
    ));
    let out = program.run([demo_clip().display().to_string(), nginx.rtmp_url("live")]);
    assert_eq!(out, "the stream beside goes on\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_any_function_is_a_code_and_everything_else_goes_on() {
    let each = |function: Function| {
        let (name, call) = (&function.name, plain_call(&function));
        let before = match &*function.returns {
            // It says something as long as nobody wants it to panic.
            _ if !returns_a_code(&function) && function.returns != "void" => format!("CHECK({call});\n"),
            _ => String::new(),
        };
        let seen = match &*function.returns {
            _ if returns_a_code(&function) => format!(
                "CHECK({call} == STREAMBRO_RESULT_PANICKED);\n\
                 CHECK(strstr(streambro_error_message(error), \"a test wants `{name}` to panic\") != NULL);"
            ),
            "void" => format!("{call};"),
            _ => format!("CHECK(!{call});"),
        };
        format!(
            "{before}setenv(\"STREAMBRO_PANIC_IN\", \"{name}\", 1);\n{seen}\nunsetenv(\"STREAMBRO_PANIC_IN\");\n\
             streambro_error_free(error);\nerror = NULL;\n"
        )
    };
    beside_a_stream(&functions().into_iter().map(each).collect::<String>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_child_gets_forked_from_everything_but_free_and_the_parent_goes_on() {
    let each = |function: Function| {
        let call = plain_call(&function);
        if function.name.ends_with("_free") {
            // What it had before, and once only.
            return format!("{call};\n");
        }
        if !returns_a_code(&function) {
            return format!("CHECK({call});\n");
        }
        format!(
            "CHECK({call} == STREAMBRO_RESULT_FORKED);\n\
             CHECK(streambro_error_code(error) == STREAMBRO_RESULT_FORKED);\nstreambro_error_free(error);\nerror = NULL;\n"
        )
    };
    // The frees come last: each has the object that the others were called with.
    let (frees, others): (Vec<_>, Vec<_>) =
        functions().into_iter().partition(|function| function.name.ends_with("_free"));
    let calls: String = others.into_iter().chain(frees).map(each).collect();
    beside_a_stream(&format!(
        "pid_t child = fork();\nCHECK(child >= 0);\nif (child == 0) {{\n{calls}\n_exit(0);\n}}\n\
         int status = -1;\nCHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);"
    ))
    .await;
}

/// What fills a parameter at random, by the pools of `tests/c/random.h`.
fn random_arg((kind, name): &(String, String)) -> String {
    let object = kind.trim_start_matches("const ").trim_end_matches([' ', '*']);
    match (&**kind, &**name) {
        ("streambro_error **", _) => "pick(2) ? &error : NULL".to_owned(),
        ("const char *", "id") => "pick(5) ? ids[pick(3)] : text()".to_owned(),
        ("const char *", "url") => "pick(5) ? url : text()".to_owned(),
        ("const char *", "path") => "pick(5) ? clip : text()".to_owned(),
        ("const char *", "source_json") => "pick(5) ? source : text()".to_owned(),
        ("const char *", _) => "text()".to_owned(),
        ("char **", _) => "pick(9) ? &string : NULL".to_owned(),
        ("const streambro_spec *const *", _) => {
            "pick(3) ? (const streambro_spec *const *)all_spec : NULL".to_owned()
        }
        ("const uint32_t *", _) => "pick(2) ? weights : NULL".to_owned(),
        // Not so many or so long that a test would wait.
        (_, "threads" | "times") => "pick(4)".to_owned(),
        (_, "timeout_ms" | "grace_ms") => "pick(20)".to_owned(),
        ("bool", _) => "pick(2)".to_owned(),
        (kind, _) if kind.ends_with("**") => format!("pick(9) ? place_{object}() : NULL"),
        (kind, "out_phase" | "out_fd" | "out_leg" | "out_count" | "out_version" | "out_had_end") => {
            format!("pick(9) ? ({kind})(void *)room : NULL")
        }
        (kind, _) if kind.ends_with('*') => format!("any_{object}()"),
        (kind, _) => format!("({kind})any_number()"),
    }
}

/// A program that calls everything in any order, with anything that is a pointer or a text at all, and how many calls it has.
fn random_program() -> (String, usize) {
    // What is freed twice is the caller's own mistake: that is left to the pools.
    let called: Vec<_> =
        functions().into_iter().filter(|function| !function.name.ends_with("_free")).collect();
    let case = |(at, function): (usize, &Function)| {
        let has_list = function.params.iter().any(|(_, name)| name == "specs");
        let arg = |param: &(String, String)| match &*param.1 {
            "count" if has_list => "pick(SLOTS + 1)".to_owned(),
            _ => random_arg(param),
        };
        let args: Vec<_> = function.params.iter().map(arg).collect();
        let call = format!("{}({})", function.name, args.join(", "));
        if returns_a_code(function) {
            format!("case {at}: done += {call} == STREAMBRO_RESULT_OK; break;\n")
        } else {
            format!("case {at}: (void){call}; break;\n")
        }
    };
    let cases: String = called.iter().enumerate().map(case).collect();
    let text = format!(
        "#include \"random.h\"\n\nstatic void one(unsigned which, streambro_error *error) {{\nswitch (which) {{\n{cases}}}\n\
         *place_streambro_error() = error;\n}}\n"
    );
    (text, called.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_calls_in_any_order_get_codes_and_never_a_crash() {
    let nginx = Nginx::start().await;
    let (text, calls) = random_program();
    let program = Program::text(&text);
    // More of them in `tests/run --full`.
    let rounds: u32 = std::env::var("STREAMBRO_CALLS").map_or(500, |calls| calls.parse().expect("a number"));
    let now = || std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970").subsec_nanos();
    let seed =
        std::env::var("STREAMBRO_SEED").map_or_else(|_| now().into(), |seed| seed.parse().expect("a number"));
    println!("STREAMBRO_SEED={seed} repeats them");
    let mut dice = Dice::new(seed);
    for _ in 0..3 {
        let dir = streambro_tests::scratch();
        // It may be told to write over it.
        let clip = dir.path().join("clip.mp4");
        std::fs::copy(demo_clip(), &clip).expect("a file can be copied");
        let seed = dice.throw(1 << 32).to_string();
        let args = [
            seed,
            rounds.to_string(),
            clip.display().to_string(),
            nginx.rtmp_url("live"),
            dir.path().display().to_string(),
            calls.to_string(),
        ];
        let done: u32 = program.run(&args).trim().parse().expect("a number");
        // Else nothing would have been tried but errors.
        assert!(done > rounds / 10, "{done} of {rounds} calls were done");
    }
}
