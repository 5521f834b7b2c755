//! Every option and value that is emitted stands in the help of the ffmpeg that is here, hardware or not.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use super::{tests::every_job, *};

/// What options there are; those that take names have them.
type Options = BTreeMap<String, BTreeSet<String>>;

fn help(args: &[&str]) -> String {
    let said = Command::new("ffmpeg").arg("-hide_banner").args(args).output().unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// Reads lines like `  -preset <int> E..V... Set it` and, below, `     fast 3 E..V...`.
fn options(help: &str) -> Options {
    let mut found = Options::new();
    let mut last = None;
    for line in help.lines() {
        let depth = line.len() - line.trim_start().len();
        let Some(word) = line.split_whitespace().next() else { continue };
        if depth <= 3 && (word.starts_with('-') || line.contains('<')) {
            let name = word.trim_start_matches('-').split('[').next().unwrap().to_owned();
            found.entry(name.clone()).or_default();
            last = Some(name);
        } else if depth >= 5
            && let Some(last) = &last
        {
            found.get_mut(last).unwrap().insert(word.to_owned());
        }
    }
    found
}

/// What belongs to no encoder: the command line's own options and those of the libraries' contexts.
fn generic() -> Options {
    let full = help(&["-h", "full"]);
    let (own, rest) = full.split_once("AVCodecContext AVOptions:").unwrap();
    let codec = rest.split_once("AVOptions:").unwrap().0;
    let format = full.split_once("AVFormatContext AVOptions:").unwrap().1.split_once("AVOptions:").unwrap().0;
    let mut all = options(own);
    all.extend(options(codec));
    all.extend(options(format));
    all.extend(options(&help(&["-h", "muxer=flv"])));
    assert!(all.contains_key("maxrate") && all.contains_key("flvflags") && all.contains_key("copyts"));
    all
}

fn private(codec: Codec) -> (Options, String) {
    let text = match codec {
        Codec::VideoToolbox => include_str!("../../../tests/data/videotoolbox.txt").to_owned(),
        _ => help(&["-h", &format!("encoder={}", codec.name())]),
    };
    let head = format!("Encoder {} [", codec.name());
    assert!(text.contains(&head), "this ffmpeg was built without {}", codec.name());
    (options(&text), text)
}

/// The options that have no value, or are what is read and written.
const FLAGS: &[&str] =
    &["-nostdin", "-hide_banner", "-nostats", "-copyts", "-start_at_zero", "-sn", "-dn", "-an"];

#[test]
fn every_option_and_named_value_is_in_the_help() {
    let generic = generic();
    let mut filters = BTreeMap::new();
    let hwaccels = help(&["-hwaccels"]);
    let formats = help(&["-pix_fmts"]);
    let mut checked = 0;
    for (codec, job) in every_job() {
        let (private, text) = codec.map(private).unwrap_or_default();
        let args = argv(&job);
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if arg == "pipe:1" {
                assert!(rest.next().is_none());
                break;
            }
            let name = arg.strip_prefix('-').unwrap_or_else(|| panic!("{arg} in {args:?}"));
            let name = name.split(':').next().unwrap();
            let bare = name.strip_prefix("no").filter(|_| FLAGS.contains(&arg.as_str())).unwrap_or(name);
            // `-i` stands in the usage.
            let known = private.get(name).or_else(|| generic.get(bare));
            assert!(known.is_some() || name == "i", "{arg} is unknown, in {args:?}");
            checked += 1;
            if FLAGS.contains(&arg.as_str()) {
                continue;
            }
            let value = rest.next().unwrap_or_else(|| panic!("{arg} has no value"));
            match name {
                "vf" | "af" => check_chain(value, &mut filters, &formats),
                "pix_fmt" => {
                    let supported = text.lines().find(|line| line.contains("Supported pixel formats"));
                    // libx264 names none in its help that would be missing here.
                    let all = supported.unwrap_or(&formats);
                    assert!(all.split_whitespace().any(|word| word == value), "{value} in {args:?}");
                }
                "hwaccel" if value == "videotoolbox" => assert_eq!(codec, Some(Codec::VideoToolbox)),
                "hwaccel" => {
                    assert!(value == "auto" || hwaccels.lines().any(|line| line == value), "{value}");
                }
                // libx264 has its presets, tunes and profiles from its library: the real runs show them.
                "preset" | "tune" | "profile" if codec == Some(Codec::X264) => {}
                _ => {
                    let named = known.into_iter().flatten().collect::<BTreeSet<_>>();
                    let word = value.starts_with(|c: char| c.is_ascii_alphabetic());
                    for part in value.split('+').filter(|_| word && !named.is_empty()) {
                        assert!(named.contains(&part.to_owned()), "{arg} {part} is unknown: {named:?}");
                    }
                }
            }
        }
        for name in ["preset", "profile", "forced-idr", "forced_idr", "quality", "allow_sw", "rc"] {
            // Nothing of an encoder's own passes because a context has an option of the same name.
            let emitted = args
                .iter()
                .any(|arg| arg.strip_prefix('-').is_some_and(|arg| arg.split(':').next() == Some(name)));
            assert!(!emitted || codec.is_none() || private.contains_key(name), "{name}: {args:?}");
        }
    }
    assert!(checked > 1_000, "{checked}");
}

/// Splits a chain at its commas, but for those between quotes.
fn check_chain(chain: &str, known: &mut BTreeMap<String, Options>, formats: &str) {
    let mut quoted = false;
    let links = chain.split(|c: char| {
        quoted ^= c == '\'';
        c == ',' && !quoted
    });
    for link in links {
        let (name, settings) = link.split_once('=').unwrap_or((link, ""));
        let known = known.entry(name.to_owned()).or_insert_with(|| {
            let text = help(&["-h", &format!("filter={name}")]);
            assert!(text.contains(&format!("Filter {name}")), "no filter {name}");
            options(&text)
        });
        for setting in settings.split(':').filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').unwrap_or_else(|| panic!("{link}"));
            assert!(known.contains_key(key), "{name} has no {key}: {known:?}");
            if matches!((name, key), ("format", "pix_fmts") | (_, "format")) {
                assert!(formats.split_whitespace().any(|word| word == value), "{value}");
            }
        }
    }
}

#[test]
fn the_check_sees_what_is_not_there() {
    let (private, _) = private(Codec::Nvenc);
    assert!(private["preset"].contains("p4") && !private["preset"].contains("veryfast"));
    assert!(!private.contains_key("sc_threshold") && !generic().contains_key("no-scenecut"));
}
