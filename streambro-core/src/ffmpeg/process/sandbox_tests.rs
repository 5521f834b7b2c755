use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

use super::{
    super::{
        death::{DeathKind, unborn},
        sandbox::{Kernel, Sandbox},
    },
    tests::*,
    *,
};

fn plan(sandbox: Sandbox) -> SandboxPlan {
    SandboxPlan { sandbox, ..SandboxPlan::default() }
}

async fn all(process: &Process) -> Vec<u8> {
    let (mut whole, mut buf) = (vec![], vec![0; 65_536]);
    loop {
        match soon(process.read(&mut buf)).await.unwrap() {
            0 => return whole,
            n => whole.extend_from_slice(&buf[..n]),
        }
    }
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether the kernel under this test can do all of it; an older one is told of in the level.
fn kernel_has(version: u32) -> bool {
    Kernel::probe().landlock >= version
}

#[tokio::test]
async fn a_real_ffmpeg_plays_and_encodes_its_input_in_the_whole_sandbox() {
    if !kernel_has(1) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/mp4/plain.mp4");
    fs::copy(corpus, &path).unwrap();
    let input = Some(Arc::new(File::open(&path).unwrap()));
    // Also one that has moved since it was opened.
    fs::rename(&path, folder.path().join("moved.mp4")).unwrap();
    for (codec, with) in [("copy", Sandbox::Required), ("libx264", Sandbox::Required), ("copy", Sandbox::Off)]
    {
        let args = format!(
            "-nostdin -v error -protocol_whitelist file,pipe -f mov -i file:/dev/fd/3 -an -c:v {codec} -f flv pipe:1"
        );
        let launch = Launch {
            input: input.clone(),
            sandbox: plan(with),
            ..Launch::new("/usr/bin/ffmpeg", args.split(' '))
        };
        let mut process = Process::spawn(launch).await.unwrap();
        let media = all(&process).await;
        assert_eq!(soon(process.wait()).await, Exit::Code(0), "{:?}", process.words().last());
        assert!(media.starts_with(b"FLV") && media.len() > 1_000);
        let level = process.sandbox();
        assert_eq!((level.no_new_privs, level.files), (with != Sandbox::Off, with != Sandbox::Off));
    }
}

#[tokio::test]
async fn a_hostile_program_reads_writes_connects_to_signals_and_starts_nothing() {
    if !kernel_has(6) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["canary", "input", "victim"] {
        fs::write(place(name), name).unwrap();
    }
    fs::copy("/bin/true", place("setuid")).unwrap();
    fs::set_permissions(place("setuid"), fs::Permissions::from_mode(0o4755)).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let mut listed = vec![];
    for (what, how) in [
        ("read", format!("cat {}", place("canary"))),
        ("listed", format!("ls {}", place(""))),
        ("wrote", format!("echo x >{}", place("new"))),
        ("overwrote", format!("echo x >{}", place("victim"))),
        ("cut", format!("truncate -s 0 {}", place("victim"))),
        ("deleted", format!("rm {}", place("victim"))),
        ("connected", format!(": <>/dev/tcp/127.0.0.1/{port}")),
        ("executed", place("setuid")),
        ("signalled", format!("kill -0 {}", std::process::id())),
        ("looked", format!("cat /proc/{}/environ", std::process::id())),
        // These it shall have.
        ("played", "cat <&3".to_owned()),
        ("reopened", "cat /dev/fd/3".to_owned()),
    ] {
        listed.push(format!("( {how} ) >/dev/null && echo {what}\n"));
    }
    program(Path::new(&place("ffmpeg")), &format!("#!/bin/bash\n{}", listed.concat()));
    for sandbox in [Sandbox::Required, Sandbox::Off] {
        let input = Some(Arc::new(File::open(place("input")).unwrap()));
        let launch = Launch { input, sandbox: plan(sandbox), ..Launch::new(place("ffmpeg"), [""; 0]) };
        let mut process = Process::spawn(launch).await.unwrap();
        let said = String::from_utf8(all(&process).await).unwrap();
        soon(process.wait()).await;
        match sandbox {
            Sandbox::Off => assert_eq!(said.lines().count(), listed.len(), "{said}"),
            _ => {
                assert_eq!(said, "played\nreopened\n", "{:?}", process.words().last());
                assert_eq!(fs::read(place("victim")).unwrap(), b"victim");
                let level = process.sandbox();
                assert!(level.no_new_privs && level.files && level.tcp, "{level:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_new_privileges_hold_for_the_child_alone_and_also_without_landlock() {
    let none = Kernel { landlock: 0 };
    for (sandbox, kernel, expected) in [
        (Sandbox::Off, Kernel::probe(), "0"),
        (Sandbox::BestEffort, Kernel::probe(), "1"),
        (Sandbox::BestEffort, none, "1"),
    ] {
        let plan = SandboxPlan { kernel, ..plan(sandbox) };
        let launch = Launch { sandbox: plan, ..Launch::new("/bin/sleep", ["1000"]) };
        let process = Process::spawn(launch).await.unwrap();
        assert_eq!(status(process.pid(), "NoNewPrivs"), expected);
        assert_eq!(process.sandbox().files, expected == "1" && kernel.landlock > 0);
        let ours = fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(ours.contains("NoNewPrivs:\t0"));
    }
}

#[tokio::test]
async fn without_landlock_nothing_is_started_that_requires_it() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note");
    let path = folder.path().join("ffmpeg");
    program(&path, &format!("#!/bin/sh\necho x >{}\n", note.display()));
    let sandbox = SandboxPlan { kernel: Kernel { landlock: 0 }, ..plan(Sandbox::Required) };
    let error = Process::spawn(Launch { sandbox, ..Launch::new(&path, [""; 0]) }).await.unwrap_err();
    assert!(matches!(&error, LaunchError::Sandbox(Lacking(why)) if why.contains("Landlock")), "{error}");
    assert_eq!(unborn(&error).kind, DeathKind::Refused);
    assert!(!note.exists());
}
