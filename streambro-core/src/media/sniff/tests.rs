use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use proptest::prelude::*;

use super::*;

fn refused(bytes: &[u8]) -> Unsupported {
    match sniff(&bytes, bytes.len() as u64) {
        Err(MediaError::Unsupported(reasons)) => reasons.into_iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn is_playlist(bytes: &[u8]) -> bool {
    matches!(refused(bytes), Unsupported::Playlist(_))
}

fn ffmpeg(args: &str, path: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=1"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .args(args.split_whitespace())
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg {args}");
}

#[test]
fn films_are_told_by_their_content_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film");
    for (args, format) in [
        ("-f mp4", Format::Mov),
        ("-f mp4 -movflags +faststart", Format::Mov),
        ("-f mp4 -movflags +frag_keyframe+empty_moov", Format::Mov),
        ("-f mov", Format::Mov),
        ("-f matroska", Format::Matroska),
        ("-f webm -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus", Format::Matroska),
        ("-f mpegts", Format::MpegTs),
        ("-f mpegts -mpegts_m2ts_mode 1", Format::MpegTs),
        ("-f flv", Format::Flv),
    ] {
        ffmpeg(&format!("{args} -y"), &path);
        let bytes = fs::read(&path).unwrap();
        assert_eq!(sniff(&bytes[..], bytes.len() as u64).unwrap(), format, "{args}");
        if format == Format::MpegTs {
            // A recording that was begun in the middle of a packet, and one of 600 bytes.
            let cut = &bytes[100..];
            assert_eq!(sniff(&cut, cut.len() as u64).unwrap(), format, "{args}");
            assert_eq!(sniff(&bytes[..600], 600).unwrap(), format, "{args}");
        }
        let bytes = &bytes[..bytes.len().min(5)];
        assert!(matches!(refused(bytes), Unsupported::Format(_) | Unsupported::Playlist(_)), "{args}");
    }
    // Packets of 204 bytes, which ffmpeg does not write.
    let packet = [vec![0x47, 0x40, 0, 0x10], vec![0xff; 200]].concat();
    let bytes = packet.repeat(20);
    assert_eq!(sniff(&bytes[..], bytes.len() as u64).unwrap(), Format::MpegTs);
}

#[test]
fn other_files_are_refused_by_name() {
    for (bytes, what) in [
        (b"RIFF\0\0\0\0AVI LIST".as_slice(), "an AVI file"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a WAV file"),
        (b"OggS\0\x02", "an Ogg file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        (b"\0\0\x01\xba\x44", "an MPEG program stream"),
        (b"\0\0\0\x01\x67\x64", "a bare H.264 or HEVC video"),
        (b"\x1a\x45\xdf\xa3\x85\x42\x82\x82xy", "of no known format"),
        (b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroxxx", "of no known format"),
        (b"FLV\x01\x05\0\0\0\x08", "of no known format"),
        (b"\0\0\0\x07ftypisom", "of no known format"),
        (b"\0\0\x10\0heic", "of no known format"),
        (b"ID3\x04\0\0\0\0\0\x02xx\xff\xfb\x90\0", "of no known format"),
        (b"\0", "of no known format"),
    ] {
        assert_eq!(refused(bytes), Unsupported::Format(what), "{bytes:?}");
    }
    let said = MediaError::Unsupported(vec![Unsupported::Format("an AVI file")]).to_string();
    assert_eq!(
        said,
        "this is an AVI file; a film is an MP4, FLV, Matroska or MPEG-TS file: make one, for instance with ffmpeg"
    );
}

#[test]
fn texts_are_playlists_in_every_disguise() {
    let id3 = b"ID3\x04\0\0\0\0\0\x02xx".as_slice();
    let wide: Vec<u8> = "\u{feff}#EXTM3U\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut far = b"<?xml version='1.0'?>".to_vec();
    far.extend([b' '; 2_000]);
    far.extend(b"<MPD>");
    for (bytes, what) in [
        (b"#EXTM3U\n#EXTINF:1,\nx.ts\n".to_vec(), "an HLS or M3U playlist"),
        (b"\xef\xbb\xbf#EXTM3U\n".to_vec(), "an HLS or M3U playlist"),
        (b" \r\n\t#extm3u\n".to_vec(), "an HLS or M3U playlist"),
        ([id3, b"#EXTM3U\n"].concat(), "an HLS or M3U playlist"),
        ([id3, id3, b"#EXTM3U\n"].concat(), "an HLS or M3U playlist"),
        // A size and a name of a box, and sync bytes, behind the first word of a playlist.
        (b"#EXTftyp\0\0\0\0".to_vec(), "an HLS or M3U playlist"),
        (["#EXTM3U\0", &"G".repeat(4_000)].concat().into(), "an HLS or M3U playlist"),
        (b"ffconcat version 1.0\nfile x\n".to_vec(), "a concat list of ffmpeg"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n".to_vec(), "a session description (SDP)"),
        (b"[playlist]\nFile1=x\n".to_vec(), "a PLS playlist"),
        (b"<MPD></MPD>".to_vec(), "a DASH manifest"),
        (far, "a DASH manifest"),
        (b"<?xml version='1.0'?><SmoothStreamingMedia>".to_vec(), "a Smooth Streaming manifest"),
        (b"<playlist version='1'>".to_vec(), "an XSPF playlist"),
        (b"<?xml version='1.0'?><other/>".to_vec(), "an XML document"),
        (wide, "a text"),
        (b"file 'x.mp4'\n".to_vec(), "a text"),
        ("b\u{fc}cher\n".into(), "a text"),
        ("G".repeat(9_000).into(), "a text"),
    ] {
        assert_eq!(refused(&bytes), Unsupported::Playlist(what), "{:?}", String::from_utf8_lossy(&bytes));
    }
    let said = MediaError::Unsupported(vec![refused(b"#EXTM3U")]).to_string();
    assert_eq!(said, "this is an HLS or M3U playlist, not a film; name the film itself");
}

#[test]
fn a_reader_that_says_little_at_a_time_is_asked_again() {
    struct Slow(&'static [u8]);
    impl ReadAt for Slow {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
            let n = buf.len().min(1);
            self.0.read_at(&mut buf[..n], offset)
        }
    }
    let head = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";
    assert_eq!(sniff(&Slow(head), head.len() as u64).unwrap(), Format::Flv);
    // Shorter than it was when it was opened.
    assert_eq!(sniff(&Slow(head), 1 << 40).unwrap(), Format::Flv);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), start in 0_usize..6) {
        let starts: [&[u8]; 6] = [b"", b"\x1a\x45\xdf\xa3", b"ID3\x04\0\x10", b"FLV\x01", b"\0\0\0\x01ftyp", b"G"];
        let bytes = [starts[start], &bytes].concat();
        let _ = sniff(&bytes[..], bytes.len() as u64);
    }
}

/// Watches whether a file is opened.
#[cfg(target_os = "linux")]
struct Canary {
    path: PathBuf,
    watch: rustix::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Canary {
    fn new(path: PathBuf) -> Self {
        use rustix::fs::inotify;
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&watch, &path, inotify::WatchFlags::OPEN).unwrap();
        Self { path, watch }
    }

    /// Whether it was opened since the last time.
    fn sang(&self) -> bool {
        let mut sang = false;
        while rustix::io::read(&self.watch, &mut [0; 4_096]).is_ok_and(|n| n > 0) {
            sang = true;
        }
        sang
    }
}

/// Reads a file with ffmpeg until it ends, as far as that is possible.
#[cfg(target_os = "linux")]
fn play(path: &Path, options: &[&str]) {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "quiet", "-nostdin"])
        .args(options)
        .arg("-i")
        .arg(format!("file:{}", path.display()))
        .args(["-c", "copy", "-t", "1", "-f", "null", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.wait().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn disguised_playlists_are_refused_and_never_open_the_canary_even_when_ffmpeg_gets_them() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (folder.path().join("own"), folder.path().join("other"));
    for tenant in [&own, &other] {
        fs::create_dir(tenant).unwrap();
    }
    let secret = other.join("secret.mp4");
    ffmpeg("-f mp4 -movflags +faststart", &secret);
    let beside = own.join("beside.mp4");
    fs::copy(&secret, &beside).unwrap();
    let m3u = |target: &str| {
        format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{target}\n#EXT-X-ENDLIST\n"
        )
    };
    let mpd = |target: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
             mediaPresentationDuration=\"PT1S\" minBufferTime=\"PT1S\" profiles=\"urn:mpeg:dash:profile:isoff-main:2011\">\
             <Period duration=\"PT1S\"><AdaptationSet mimeType=\"video/mp4\" contentType=\"video\"><Representation \
             id=\"1\" bandwidth=\"100000\" codecs=\"avc1.42c01e\" width=\"320\" height=\"180\"><BaseURL>{target}</BaseURL>\
             </Representation></AdaptationSet></Period></MPD>\n"
        )
    };
    let absolute = secret.display().to_string();
    // The table of reliability: what they are, whether plain ffmpeg reads the canary.
    let disguises = [
        ("m3u8 to an absolute path", m3u(&absolute), true),
        ("m3u8 to a relative path", m3u("../other/secret.mp4"), true),
        ("m3u8 to a URL", m3u("http://127.0.0.1:9/secret.mp4"), false),
        ("ffconcat to a relative file", "ffconcat version 1.0\nfile beside.mp4\n".to_owned(), true),
        ("ffconcat to an absolute file", format!("ffconcat version 1.0\nfile {absolute}\n"), false),
        ("MPD to a local path", mpd(&absolute), true),
        ("MPD to a URL", mpd("http://127.0.0.1:9/secret.mp4"), false),
    ];
    let canaries = [Canary::new(secret.clone()), Canary::new(beside)];
    let sang = || canaries.iter().map(Canary::sang).fold(false, |any, one| any | one);
    let disguise = own.join("x.mp4");
    let mut control = 0;
    for (what, text, reads) in disguises {
        for (dressed, before) in
            [("bare", ""), ("behind a byte order mark", "\u{feff}"), ("behind space", " \n")]
        {
            let text = format!("{before}{text}");
            fs::write(&disguise, &text).unwrap();
            assert!(is_playlist(text.as_bytes()), "{what}, {dressed}");
            // The control: without our gate this version of ffmpeg does read it, or the canary proves nothing.
            if reads && before.is_empty() {
                play(&disguise, &[]);
                control += u32::from(sang());
            }
            for format in Format::ALL {
                let name = format.demuxer();
                play(&disguise, &["-protocol_whitelist", "file,pipe", "-format_whitelist", name, "-f", name]);
                assert!(!sang(), "{what}, {dressed}, as {name}: {} was opened", canaries[0].path.display());
            }
        }
    }
    assert!(control >= 3, "plain ffmpeg opened the canary {control} times: the test proves little");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_a_film_and_a_playlist_at_once_is_only_ever_a_film() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.mp4");
    ffmpeg("-f mp4 -movflags +faststart", &secret);
    let film = fs::read(&secret).unwrap();
    let canary = Canary::new(secret.clone());
    let text = format!("<?xml version='1.0'?><MPD><BaseURL>{}</BaseURL></MPD>", secret.display());
    let text = [text.as_bytes(), b"\n#EXTM3U\n", secret.as_os_str().as_encoded_bytes(), b"\n"].concat();
    // A box of free space that is a playlist, before the film.
    let size = u32::try_from(8 + text.len()).unwrap().to_be_bytes();
    let both = [&size, b"free".as_slice(), &text, &film].concat();
    assert_eq!(sniff(&both[..], both.len() as u64).unwrap(), Format::Mov);
    let path = folder.path().join("both.mp4");
    fs::write(&path, both).unwrap();
    play(&path, &["-protocol_whitelist", "file,pipe", "-format_whitelist", "mov", "-f", "mov"]);
    assert!(!canary.sang());
}
