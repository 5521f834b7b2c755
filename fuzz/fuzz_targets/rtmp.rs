//! The input is what a server sends, behind three bytes that say how it comes.
//!
//! Byte 0: bit 0 leaves the handshake to the bytes that follow, else it is done already; bit 1 leaves the output
//! lying; bit 2 leaves the events lying. Byte 1: after how many pieces we say goodbye (0: never). Byte 2: how the
//! bytes are split (0: not at all).
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use streambro_core::media::packet::Track;
use streambro_core::rtmp::message::{MAX_BODY, Piece};
use streambro_core::rtmp::session::{Event, Publisher, Stage};
use streambro_core::rtmp::target::Target;

/// What lies in the output at most: the bound for what a server causes, and what we say ourselves.
const MAX_OUTPUT: usize = 20 * 1024;
/// Events that lie at most: status messages that wait, and the few that come once.
const MAX_EVENTS: usize = 8 + 3;

const KEY: &str = "canary-key?auth=canary-token";

fuzz_target!(|input: &[u8]| -> Corpus {
    let [how, goodbye, split, bytes @ ..] = input else { return Corpus::Reject };
    let target = Target {
        app: "live2?backup=1".into(),
        tc_url: "rtmp://host/live2?backup=1".into(),
        name: KEY.into(),
    };
    let mut run = Run {
        publisher: Publisher::new(target, *b"12345678"),
        keep_output: how & 2 != 0,
        keep_events: how & 4 != 0,
        time: u32::MAX - 100,
        gone: false,
        stage: Stage::Handshake,
    };
    if how & 1 == 0 {
        run.feed(&[3; 1 + 2 * 1536]);
    }
    let mut pieces = 0;
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = piece(*split, pieces).min(rest.len());
        let (now, later) = rest.split_at(size);
        rest = later;
        run.feed(now);
        pieces += 1;
        if pieces == usize::from(*goodbye) {
            run.publisher.begin_close();
            run.gone = true;
            run.check();
        }
    }
    run.end();
    Corpus::Keep
});

/// The size of the piece of that number.
fn piece(split: u8, number: usize) -> usize {
    match split {
        0 => usize::MAX,
        split => 1 + (number.wrapping_mul(usize::from(split) | 1) >> 2) % usize::from(split),
    }
}

struct Run {
    publisher: Publisher,
    keep_output: bool,
    keep_events: bool,
    time: u32,
    gone: bool,
    stage: Stage,
}

impl Run {
    fn feed(&mut self, bytes: &[u8]) {
        if let Err(fault) = self.publisher.handle(bytes) {
            assert_eq!(self.publisher.handle(bytes), Err(fault), "faults stay");
        }
        self.check();
    }

    fn check(&mut self) {
        let publisher = &mut self.publisher;
        let stage = publisher.stage();
        assert!(stage >= self.stage, "{stage:?} after {:?}", self.stage);
        assert!(!self.gone || stage >= Stage::Closing);
        self.stage = stage;
        assert!(publisher.output().len() <= MAX_OUTPUT);
        silent(&format!("{publisher:?}"));
        if !self.keep_events {
            self.events();
        }
        let publisher = &mut self.publisher;
        if self.stage == Stage::Live {
            // Across 2^32 at the third time.
            self.time = self.time.wrapping_add(40);
            head(publisher, Track::Video, self.time, self.time % 10_000);
            head(publisher, Track::Audio, self.time, if self.time > 1 << 31 { MAX_BODY } else { 300 });
        }
        if !self.keep_output {
            // First a part, then the rest.
            publisher.consume(publisher.output().len() / 2);
            publisher.consume(usize::MAX / 2);
            assert!(publisher.output().is_empty());
        }
    }

    fn events(&mut self) {
        let mut count = 0;
        while let Some(event) = self.publisher.poll_event() {
            count += 1;
            silent(&format!("{event:?}"));
            if let Event::ServerStatus { code, description, .. } = &event {
                silent(code);
                silent(description);
            }
            if let Event::Refused(refusal) = &event {
                silent(&refusal.to_string());
            }
        }
        assert!(count <= MAX_EVENTS, "{count} events");
    }

    fn end(&mut self) {
        self.events();
        let end = self.publisher.handle_end();
        assert_eq!(self.publisher.handle_end(), end, "the end stays");
        self.check();
    }
}

/// A key must never be seen.
fn silent(text: &str) {
    assert!(!text.contains("canary-key") && !text.contains("canary-token"), "{text}");
}

fn head(publisher: &mut Publisher, track: Track, time: u32, len: u32) {
    let head = publisher.head(track, time, len);
    let (mut at, mut body) = (0, 0);
    for piece in head.pieces(0, u32::MAX) {
        at += piece.len();
        if let Piece::Body { start, len } = piece {
            assert_eq!(start, body);
            body += len;
        }
    }
    assert_eq!((at, body), (head.wire_len(), len));
}
