//! What a file is called never becomes a word of a command.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use streambro_core::{
    Destination, Encoder, ErrorKind, Phase, Plan, Preset, Reason, Repeat, Sandbox, Source, StreamManager,
    StreamSpec, Video,
};
use streambro_tests::{
    ffmpeg::{self, Clip},
    hostile::{Attack, Hostile, Stage},
    net, process,
};
use tokio::{task::JoinSet, time::timeout};

/// For a debug build on a busy machine; what hangs, hangs for ever.
const BOUND: Duration = Duration::from_secs(60);
/// How many of the names go on the air, at most.
const STREAMS: usize = 300;
/// At once.
const QUESTIONS: usize = 16;
const CHANNELS: usize = 50;

/// Names that mean something to somebody, between zeros.
const MEANT: &[u8] = b"\
    -y\0-i\0-h\0--help\0-f\0--\0-\0-version\0-report\0-vf\0-protocol_whitelist\0a b\0 \0'\0\"\0'\"'\"'\0\
    a'b\0%d\0%05d.mp4\0%s%n\0*\0?\0[a]\0{a,b}\0~\0$HOME\0$(id)\0`id`\0;id\0|id\0&\0>x\0<x\0\\\0\\n\0\n\0\
    a\nb\0\r\n\0\t\0a\nfile 'b'\0\x1b[2J\0\x7f\0\xff\0\xff\xfe\0\xc3\x28\0\xe2\x80\xae4pm.exe\0\
    concat:a|b\0subfile,,start,0,end,0,,:x\0data:video,x\0pipe:0\0pipe:1\0fd:3\0file:x\0http:x\0\
    crypto:x\0async:x\0cache:x\0x.m3u8\0x.ffconcat\0x.sdp\0x.mpd\0=\0a=b\0#\0@x\0...\0..x\0%00\0con\x000\0\
    1\0NaN\0movie=x\0[in]\0a:v:0\0-loglevel debug";

/// Different names that a folder can have, those that are meant first.
fn names(mut seed: u64, count: usize) -> Vec<OsString> {
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut names: Vec<_> = MEANT.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    // As long as names may be.
    names.extend([vec![b'-'; 255], vec![0xff; 255], vec![b'\n'; 255], b"%d".repeat(127)]);
    let mut known: HashSet<_> = names.iter().cloned().collect();
    while names.len() < count {
        let len = match random() % 8 {
            0 => 255,
            1..4 => 1 + random() as usize % 4,
            _ => 1 + random() as usize % 40,
        };
        // Options, texts and anything.
        let (mut name, any) = (vec![], random() % 3);
        if any == 0 {
            name.push(b'-');
        }
        while name.len() < len {
            let byte = random() as u8;
            name.push(if any == 2 { byte } else { b' ' + byte % 95 });
        }
        let is_one = !name.iter().any(|byte| matches!(byte, 0 | b'/')) && name != b"." && name != b"..";
        if is_one && known.insert(name.clone()) {
            names.push(name);
        }
    }
    names.into_iter().map(OsString::from_vec).collect()
}

/// An ffmpeg and an ffprobe that write down what they are told, and answer at once.
struct Scribe {
    dir: tempfile::TempDir,
}

type Argv = Vec<OsString>;

impl Scribe {
    /// They say of every file that it is `film`, and make of it what the real ones would.
    async fn new(film: &Path) -> Self {
        let dir = streambro_tests::scratch();
        let records = dir.path().join("records");
        fs::create_dir(&records).expect("the folder can be written");
        let film = film.to_str().expect("its name is plain");
        let entries = "format=duration,bit_rate:stream=index,codec_type,codec_name,profile,pix_fmt,width,height,\
                       avg_frame_rate,r_frame_rate,sample_rate,channels";
        let json = ffmpeg::probe(&["-show_entries", entries, film]).await.to_string();
        assert!(!json.contains('\''), "{json}");
        // As it is told to write it: a minute late, without a last word.
        let words = ["-i", film, "-c", "copy", "-output_ts_offset", "60"];
        let flags = ["-flvflags", "no_duration_filesize+no_sequence_end"];
        let made = ffmpeg::cached(&[&words[..], &flags].concat(), "flv").await;
        let (records, made) = (records.display(), made.display());
        let write_down = |name: &str| format!("printf '%s\\0' \"$@\" >> '{records}/{name}.'$$");
        let scribe = Self { dir };
        scribe.script(
            "ffmpeg",
            &format!(
                "[ \"$1\" = -version ] && echo 'ffmpeg version 5.1.9-scribe' && exit 0\n{}\nexec cat '{made}'",
                write_down("ffmpeg")
            ),
        );
        scribe.script("ffprobe", &format!("{}\necho '{json}'", write_down("ffprobe")));
        scribe
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("the folder can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    fn ffmpeg(&self) -> PathBuf {
        self.dir.path().join("ffmpeg")
    }

    /// What each program was told since the last time, and how often.
    fn told(&self) -> BTreeMap<(String, Argv), usize> {
        let mut told = BTreeMap::new();
        for record in fs::read_dir(self.dir.path().join("records")).expect("the folder is there") {
            let path = record.expect("the folder can be read").path();
            let program = path.file_stem().and_then(OsStr::to_str).expect("it has a plain name").to_owned();
            let bytes = fs::read(&path).expect("the record can be read");
            let bytes = bytes.strip_suffix(b"\0").expect("it is whole");
            let argv = bytes.split(|byte| *byte == 0).map(|arg| OsStr::from_bytes(arg).to_owned()).collect();
            *told.entry((program, argv)).or_default() += 1;
            fs::remove_file(path).expect("the folder can be written");
        }
        told
    }
}

fn spec(id: &str, name: &OsStr, to: &str) -> StreamSpec {
    let video = Video::encode(Encoder::X264).size(160, 90).bitrate(200_000).preset(Preset::Ultrafast);
    StreamSpec::new(id, Source::file(name).repeat(Repeat::Forever))
        .video(video)
        .destination(Destination::new(to, "key").expect("the rig's addresses are good"))
}

/// Puts a film on the air, and takes it off.
async fn play(manager: StreamManager, id: String, name: OsString, to: String) {
    let started = manager.start(spec(&id, &name, &to)).await;
    let stream = started.unwrap_or_else(|error| panic!("{name:?}: {error}"));
    let live = timeout(BOUND, stream.wait_for(Phase::Live)).await;
    live.unwrap_or_else(|_| panic!("{name:?}: {:#?}", stream.status())).expect("it goes on");
    stream.stop();
    let ended = timeout(BOUND, stream.ended()).await.unwrap_or_else(|_| panic!("{name:?} does not stop"));
    assert_eq!(ended.reason, Some(Reason::Stopped), "{ended:#?}");
    for line in stream.logs() {
        assert!(!line.message.contains(['\n', '\x1b']), "a name writes the log: {line:?}");
    }
}

async fn explain(manager: StreamManager, name: OsString, to: String, is_refused: bool) {
    let said = timeout(BOUND, manager.explain(&spec("name", &name, &to))).await;
    let said = said.unwrap_or_else(|_| panic!("{name:?}: no answer"));
    if is_refused {
        assert_eq!(said.map_err(|error| error.kind).err(), Some(ErrorKind::NotAllowed), "{name:?}");
        return;
    }
    let said = said.unwrap_or_else(|error| panic!("{name:?}: {error}"));
    assert_eq!(said.plan, Some(Plan::Encode), "{name:?}: {said:?}");
}

/// Whether a name is a link that leads out of its folder.
fn is_link(n: usize) -> bool {
    n % 8 >= 6
}

/// Waits for the tasks until so many are left.
async fn until_left(tasks: &mut JoinSet<()>, left: usize) {
    while tasks.len() > left {
        tasks.join_next().await.expect("there are some").expect("the task does not panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_names_play_and_none_of_them_is_ever_a_word_of_a_command() {
    // It changes the folder that relative paths begin in.
    if !process::alone(concat!(
        module_path!(),
        "::thousands_of_names_play_and_none_of_them_is_ever_a_word_of_a_command"
    )) {
        return;
    }
    let seed = u64::from(std::process::id()) << 32 | 0x5eed;
    println!("seed {seed:#x}");
    // 10,000 in `tests/run --full`.
    let count = std::env::var("STREAMBRO_NAMES").map_or(2_000, |names| names.parse().expect("a number"));
    let streams = STREAMS.min(count / 20);
    let names = names(seed, count);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), count);
    let film = Clip::new().size(160, 90).seconds(6.0).container("mkv").make().await;
    let scribe = Scribe::new(&film).await;
    let dir = streambro_tests::scratch();
    std::env::set_current_dir(dir.path()).expect("the folder is there");
    // Names are all that it holds.
    let kept = streambro_tests::scratch();
    let original = kept.path().join("film");
    fs::copy(&film, &original).expect("the folder can be written");
    for (n, name) in names.iter().enumerate() {
        let linked = if is_link(n) { symlink(&original, name) } else { fs::hard_link(&original, name) };
        linked.unwrap_or_else(|error| panic!("{name:?}: {error}"));
    }
    // What they write down is none of a film's business.
    let builder = || StreamManager::builder().unlimited().ffmpeg(scribe.ffmpeg()).sandbox(Sandbox::Off);
    let free = builder().build().await.expect("the settings are good");
    let jailed = builder().media_root(dir.path()).build().await.expect("the settings are good");
    let manager = |n: usize| if n.is_multiple_of(2) { free.clone() } else { jailed.clone() };
    // A jail follows no link that leads out of it.
    let is_refused = |n: usize| n % 2 == 1 && is_link(n);

    let nowhere = format!("rtmp://127.0.0.1:{}/live", net::free_port());
    let (mut questions, mut argvs) = (JoinSet::new(), BTreeMap::new());
    for (n, name) in names.iter().enumerate() {
        questions.spawn(explain(manager(n), name.clone(), nowhere.clone(), is_refused(n)));
        until_left(&mut questions, QUESTIONS - 1).await;
        if n % 1_000 == 0 || n == count - 1 {
            // Nobody is writing, and no pid comes again so soon.
            until_left(&mut questions, 0).await;
            for (argv, times) in scribe.told() {
                *argvs.entry(argv).or_default() += times;
            }
        }
    }
    let refused = (0..count).filter(|n| is_refused(*n)).count();
    println!("{} understood, {refused} refused", count - refused);
    let probing = one(argvs, "ffprobe", count - refused);

    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let (mut channels, mut argvs) = (JoinSet::new(), BTreeMap::new());
    let played = || names.iter().enumerate().filter(|(n, _)| !is_refused(*n)).take(streams);
    for (n, name) in played() {
        channels.spawn(play(manager(n), format!("s{n}"), name.clone(), server.url()));
        until_left(&mut channels, CHANNELS - 1).await;
    }
    until_left(&mut channels, 0).await;
    for ((program, argv), times) in scribe.told() {
        match program.as_str() {
            "ffprobe" => assert_eq!(argv, probing),
            // The trial of the encoder, of no film.
            _ if argv.iter().any(|arg| arg == "lavfi") => assert!(times <= 2, "{times} trials"),
            _ => *argvs.entry((program, argv)).or_default() += times,
        }
    }
    let making = one(argvs, "ffmpeg", streams);
    println!("ffprobe {probing:?}\nffmpeg {making:?}");
    assert!(probing.ends_with(&["-i", "file:/dev/fd/3"].map(OsString::from)), "{probing:?}");
    let input = making.windows(2).filter(|pair| pair[0] == "-i").map(|pair| &pair[1]);
    assert_eq!(input.collect::<Vec<_>>(), ["file:/dev/fd/3"], "{making:?}");
    assert!(making.ends_with(&["-f", "flv", "pipe:1"].map(OsString::from)), "{making:?}");
}

/// The one command that was ever given to a program, at least so often.
fn one(argvs: BTreeMap<(String, Argv), usize>, program: &str, least: usize) -> Argv {
    assert_eq!(argvs.len(), 1, "the commands of {program} differ: {argvs:#?}");
    let ((of, argv), times) = argvs.into_iter().next().expect("there is one");
    assert!(of == program && times >= least, "{times} runs of {of}");
    argv
}
