//! Playlists that call themselves films, and paths that mean something to ffmpeg: nothing that they lead to is opened.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use streambro_core::{
    Analysis, Builder, Destination, Encoder, Error, ErrorKind, Phase, Plan, Platform, Preset, Repeat,
    Sandbox, Source, StreamManager, StreamSpec, Video, probe, remux,
};
use streambro_tests::{
    ffmpeg::Clip,
    hostile::{Attack, Hostile, Stage},
    net, process,
};
use tokio::{process::Command, time::timeout};

use super::trap::Trap;

/// For a debug build on a busy machine; what hangs, hangs for ever.
const BOUND: Duration = Duration::from_secs(60);

/// The managers that must refuse: with each kind of sandbox around ffmpeg, with and without a jail around files.
fn managers(jail: &Path) -> Vec<(String, Builder)> {
    let builder = |sandbox| {
        let renditions = jail.with_file_name("renditions");
        StreamManager::builder().unlimited().sandbox(sandbox).renditions(renditions, 1 << 30)
    };
    let both = |sandbox| {
        [
            (format!("sandbox {sandbox:?}, no media root"), builder(sandbox)),
            (format!("sandbox {sandbox:?}, media root"), builder(sandbox).media_root(jail)),
        ]
    };
    [Sandbox::Off, Sandbox::BestEffort].into_iter().flat_map(both).collect()
}

/// Small and fast: what is tested here is not the picture.
fn encoded() -> Video {
    Video::encode(Encoder::X264).size(160, 90).bitrate(200_000).preset(Preset::Ultrafast).into()
}

fn nowhere() -> Destination {
    let url = format!("rtmp://127.0.0.1:{}/live", net::free_port());
    Destination::new(&url, "key").expect("the URL is sound")
}

fn spec(path: &Path, video: Video) -> StreamSpec {
    let source = Source::file(path).repeat(Repeat::Forever);
    StreamSpec::new("gate", source).video(video).destination(nowhere())
}

/// What each door of a manager says to a path. A stream that starts all the same is stopped.
async fn doors(manager: &StreamManager, path: &Path) -> Vec<(&'static str, Option<Error>)> {
    let start = |video| async {
        let stream = manager.start(spec(path, video)).await?;
        stream.stop();
        stream.ended().await;
        Ok(())
    };
    let source = Source::file(path);
    let asked = async {
        vec![
            ("start to copy", start(Video::Copy).await.err()),
            ("start to encode", start(encoded()).await.err()),
            ("explain to copy", manager.explain(&spec(path, Video::Copy)).await.err()),
            ("explain to encode", manager.explain(&spec(path, encoded())).await.err()),
            ("analyze", manager.analyze(&source, &nowhere()).await.err()),
            ("prepare", manager.prepare(&source, encoded()).await.err()),
            ("analyze for a platform", manager.analyze_for(&source, &Platform::YouTube).await.err()),
        ]
    };
    timeout(BOUND, asked).await.unwrap_or_else(|_| panic!("{}: no answer within {BOUND:?}", path.display()))
}

/// What the functions say that need no manager.
fn free_doors(path: &Path) -> [(&'static str, Option<Error>); 2] {
    [("probe", probe(path).err()), ("remux", remux(path, std::io::sink(), Repeat::Once).err())]
}

/// A playlist, and what ffmpeg must be told to follow it.
struct Playlist {
    name: &'static str,
    text: String,
    /// How the refusal calls it.
    called: &'static str,
    options: &'static [&'static str],
    leads: Leads,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Leads {
    ToTheCanary,
    ToThePort,
}

/// The seven of reliability.md 2.1.
fn playlists(canary: &Path, port: u16) -> Vec<Playlist> {
    let hls = |to: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{to}\n#EXT-X-ENDLIST\n");
    let concat = |to: &str| format!("ffconcat version 1.0\nfile {to}\n");
    let dash = |to: &str| {
        format!(
            r#"<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
            mediaPresentationDuration="PT4S" minBufferTime="PT1S"
            profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
            <Representation id="1" bandwidth="100000" codecs="avc1.64001f" width="320" height="180">
            <BaseURL>{to}</BaseURL></Representation></AdaptationSet></Period></MPD>"#
        )
    };
    let name = canary.file_name().and_then(|name| name.to_str()).expect("it has a plain name");
    let (absolute, url) = (canary.to_str().expect("it is text"), format!("http://127.0.0.1:{port}/x.mp4"));
    // The playlists lie in a folder beside the canary's.
    let relative = format!("../other/{name}");
    let list = |name, text, called, leads| Playlist { name, text, called, options: &[], leads };
    let (m3u, ffconcat, mpd) = ("HLS", "concat list", "DASH manifest");
    let of_concat = |name, to: &str| Playlist {
        options: &["-safe", "0"],
        ..list(name, concat(to), ffconcat, Leads::ToTheCanary)
    };
    vec![
        list("hls-absolute", hls(absolute), m3u, Leads::ToTheCanary),
        list("hls-relative", hls(&relative), m3u, Leads::ToTheCanary),
        list("hls-http", hls(&url), m3u, Leads::ToThePort),
        of_concat("concat-relative", &relative),
        of_concat("concat-absolute", absolute),
        list("dash-local", dash(absolute), mpd, Leads::ToTheCanary),
        list("dash-http", dash(&url), mpd, Leads::ToThePort),
    ]
}

/// Two folders, so that a playlist in one can lead to the other.
struct House {
    root: tempfile::TempDir,
    trap: Trap,
}

impl House {
    async fn build() -> Self {
        let root = streambro_tests::scratch();
        for folder in ["mine", "other"] {
            fs::create_dir(root.path().join(folder)).expect("the folder can be written");
        }
        let film = Clip::new().size(160, 90).seconds(1.0).make().await;
        let trap = Trap::set(&film, root.path().join("other/secret.mp4")).await;
        Self { root, trap }
    }

    fn mine(&self) -> PathBuf {
        self.root.path().join("mine")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playlist_that_calls_itself_a_film_is_refused_at_every_door_and_leads_nowhere() {
    let mut house = House::build().await;
    let managers = managers(&house.mine());
    let lists = playlists(&house.trap.canary, house.trap.port);
    let mut paths = vec![];
    for list in &lists {
        for extension in ["mp4", "mkv", "ts"] {
            let path = house.mine().join(format!("{}.{extension}", list.name));
            fs::write(&path, &list.text).expect("the folder can be written");
            // It is a real one: who believes it is led astray.
            let mut naive = Command::new("ffprobe");
            naive.args(["-v", "error", "-protocol_whitelist", "file,http,tcp"]).args(list.options).arg(&path);
            let ended = timeout(BOUND, naive.output()).await.expect("ffprobe ends");
            ended.expect("ffprobe can be started (tests/run installs what the tests need)");
            match (list.leads, house.trap.caught().await) {
                (Leads::ToTheCanary, (1.., 0)) | (Leads::ToThePort, (0, 1..)) => {}
                (leads, caught) => panic!("{} leads {leads:?}, but {caught:?}", path.display()),
            }
            paths.push((path, list.called));
        }
    }
    assert_eq!((lists.len(), paths.len()), (7, 21));
    for (name, builder) in managers {
        let manager = builder.build().await.expect("the settings are good");
        for (path, called) in &paths {
            let mut answers = doors(&manager, path).await;
            for (_, error) in &answers {
                let error = error.as_ref().unwrap_or_else(|| panic!("{}, {name}: taken", path.display()));
                assert!(error.detail.contains(called), "{error}");
            }
            answers.extend(free_doors(path));
            for (door, error) in answers {
                let error = error.unwrap_or_else(|| panic!("{}, {name}: {door} takes it", path.display()));
                assert_eq!(error.kind, ErrorKind::SourceUnsupported, "{door}, {name}: {error}");
                assert_eq!(error.subject, path.display().to_string(), "{door}, {name}");
            }
            assert_eq!(house.trap.caught().await, (0, 0), "{}, {name}", path.display());
        }
        manager.shutdown(BOUND).await;
    }
    assert_eq!(house.trap.caught().await, (0, 0));
}

/// Every protocol that the installed ffmpeg knows, as it lists them.
async fn protocols() -> BTreeSet<String> {
    let out = Command::new("ffmpeg").args(["-hide_banner", "-protocols"]).output().await;
    let out = out.expect("ffmpeg can be started (tests/run installs what the tests need)");
    let text = String::from_utf8(out.stdout).expect("ffmpeg lists names");
    let names = text.lines().filter(|line| line.starts_with(' ')).map(|line| line.trim().to_owned());
    let mut names: BTreeSet<String> = names.collect();
    for known in ["file", "http", "concat", "subfile", "data", "crypto", "pipe", "tcp"] {
        assert!(names.contains(known), "{known} of {names:?}");
    }
    // Newer versions have this one.
    names.insert("fd".to_owned());
    names
}

/// The ways in which a name could be a prefix that leads to the canary or to the port.
fn prefixed(protocol: &str, trap: &Trap) -> [String; 7] {
    let (canary, port) = (trap.canary.display(), trap.port);
    [
        format!("{protocol}://127.0.0.1:{port}/x.mp4"),
        format!("{protocol}:{canary}"),
        format!("{protocol}:{canary}|{canary}"),
        format!("{protocol},,start,0,end,0,,:{canary}"),
        format!("{protocol}+file:{canary}"),
        format!("{protocol}:http://127.0.0.1:{port}/x.mp4"),
        format!("{protocol}:3"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protocol_in_front_of_a_path_is_a_part_of_its_name_and_nothing_else() {
    // It changes the folder that relative paths begin in.
    if !process::alone(concat!(
        module_path!(),
        "::a_protocol_in_front_of_a_path_is_a_part_of_its_name_and_nothing_else"
    )) {
        return;
    }
    let mut house = House::build().await;
    let mine = house.mine();
    std::env::set_current_dir(&mine).expect("the folder is there");
    let film = Clip::new().size(160, 90).seconds(2.0).container("mkv").make().await;
    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let protocols = protocols().await;
    let mut paths = 0;
    for (turn, (name, builder)) in managers(&mine).into_iter().enumerate() {
        let manager = builder.build().await.expect("the settings are good");
        // With and without a media root; a sandbox has nothing to do with files that are not there.
        for (_, protocol) in protocols.iter().enumerate().filter(|(n, _)| n % 2 == turn / 2) {
            for path in prefixed(protocol, &house.trap) {
                let path = Path::new(&path);
                // Nothing has this name: whoever finds something took it for more than a name.
                for (door, error) in doors(&manager, path).await.into_iter().chain(free_doors(path)) {
                    let error = error.unwrap_or_else(|| panic!("{}, {name}: {door} took it", path.display()));
                    assert_eq!(error.kind, ErrorKind::SourceUnreadable, "{door}, {name}: {error}");
                }
                paths += 1;
            }
            assert_eq!(house.trap.caught().await, (0, 0), "{protocol}, {name}");
        }
        manager.shutdown(BOUND).await;
    }
    println!("{paths} paths of {} protocols", protocols.len());

    // Now such a file is there, and it is what plays.
    let literal = |path: &str| {
        let place = mine.join(path);
        fs::create_dir_all(place.parent().expect("it is in a folder")).expect("the folder can be written");
        if !place.exists() {
            fs::copy(&film, &place).expect("the folder can be written");
        }
    };
    for (turn, (name, builder)) in managers(&mine).into_iter().enumerate() {
        let manager = builder.build().await.expect("the settings are good");
        // Each manager looks at a part of them: an ffprobe for every one takes its time.
        for (n, protocol) in protocols.iter().enumerate().filter(|(n, _)| n % 4 == turn) {
            let path = &prefixed(protocol, &house.trap)[n / 4 % 2];
            literal(path);
            let said = manager.analyze(&Source::file(path), &nowhere()).await;
            let said = said.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(is_remux(&said), "{path}, {name}: {said:?}");
            assert_eq!(house.trap.caught().await, (0, 0), "{protocol}, {name}");
        }
        let mut streams = vec![];
        for (id, path, video) in [
            ("http", format!("http://127.0.0.1:{}/x.mp4", house.trap.port), encoded()),
            ("file", format!("file:{}", house.trap.canary.display()), Video::Copy),
            ("concat", format!("concat:{}", house.trap.canary.display()), encoded()),
        ] {
            literal(&path);
            let source = Source::file(&path).repeat(Repeat::Forever);
            let to = Destination::new(&server.url(), id).expect("the rig's addresses are good");
            let spec = StreamSpec::new(id, source).video(video).destination(to);
            streams.push(manager.start(spec).await.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        for stream in &streams {
            let live = timeout(BOUND, stream.wait_for(Phase::Live)).await;
            live.unwrap_or_else(|_| panic!("{name}: {:#?}", stream.status())).expect("it goes on");
        }
        assert_eq!(house.trap.caught().await, (0, 0), "{name}");
        manager.shutdown(BOUND).await;
    }
}

/// Whether it is the Matroska file that plays, not the MP4 that its name leads to.
fn is_remux(said: &Analysis) -> bool {
    said.plan == Some(Plan::Remux)
}
