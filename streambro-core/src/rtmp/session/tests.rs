use proptest::prelude::*;

use super::commands::OUTPUT_LIMIT;
use super::*;
use crate::media::amf0::Writer;
use crate::rtmp::message::{Announce, Piece};
use crate::rtmp::refusal::RefusalKind;

const KEY: &str = "canary-key?auth=canary-token";

fn target() -> Target {
    Target { app: "live2?backup=1".into(), tc_url: "rtmp://host/live2?backup=1".into(), name: KEY.into() }
}

fn publisher() -> Publisher {
    Publisher::new(target(), *b"12345678")
}

/// A message as a server sends it: type 0 header, chunks of 128 bytes.
fn wire(csid: u8, kind: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let message = Announce { csid, kind, stream, body_len: body.len() as u32, chunk_size: 128 };
    let mut out = Vec::new();
    MessageHead::full(message, 0).write(body, &mut out);
    out
}

fn command(stream: u32, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut Writer::new(&mut body));
    wire(3, kind::COMMAND, stream, &body)
}

fn info(name: &str, transaction: f64, level: &str, code: &str, description: &str) -> Vec<u8> {
    command(1, |w| {
        w.string(name).number(transaction).null().object();
        w.key("level").string(level).key("code").string(code).key("description").string(description).end();
    })
}

fn on_status(level: &str, code: &str, description: &str) -> Vec<u8> {
    info("onStatus", 0.0, level, code, description)
}

fn connected() -> Vec<u8> {
    info("_result", 1.0, "status", "NetConnection.Connect.Success", "Connection succeeded.")
}

fn created(id: f64) -> Vec<u8> {
    command(0, |w| {
        w.string("_result").number(4.0).null().number(id);
    })
}

fn started() -> Vec<u8> {
    on_status("status", "NetStream.Publish.Start", "Start publishing")
}

fn drain(publisher: &mut Publisher) -> Vec<u8> {
    let out = publisher.output().to_vec();
    publisher.consume(out.len());
    out
}

fn events(publisher: &mut Publisher) -> Vec<Event> {
    std::iter::from_fn(|| publisher.poll_event()).collect()
}

fn shaken() -> Publisher {
    let mut publisher = publisher();
    publisher.handle(&[3; 1 + 2 * 1536]).unwrap();
    drain(&mut publisher);
    publisher
}

fn publishing() -> Publisher {
    let mut publisher = shaken();
    for answer in [connected(), created(1.0), started()] {
        publisher.handle(&answer).unwrap();
    }
    drain(&mut publisher);
    events(&mut publisher);
    assert_eq!(publisher.stage(), Stage::Live);
    publisher
}

fn refusal(answers: &[Vec<u8>]) -> Refusal {
    let mut publisher = shaken();
    for answer in answers {
        publisher.handle(answer).unwrap();
    }
    match events(&mut publisher).pop() {
        Some(Event::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

const SET_CHUNK_SIZE: &[u8] = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x10\0";

const CONNECT_COMMAND: &[u8] = b"\x03\0\0\0\0\0\x91\x14\0\0\0\0\
    \x02\0\x07connect\0\x3f\xf0\0\0\0\0\0\0\
    \x03\
    \0\x03app\x02\0\x0elive2?backup=1\
    \0\x04type\x02\0\x0anonprivate\
    \0\x08flashVer\x02\0\x20FMLE/3.0 (compatible; streambro)\
    \0\x05tcUrl\x02\0\x1artmp://host/live2?backup=1\
    \0\0\x09";

const CREATE_COMMANDS: &[u8] = b"\x03\0\0\0\0\0\x39\x14\0\0\0\0\
    \x02\0\x0dreleaseStream\0\x40\0\0\0\0\0\0\0\x05\x02\0\x1ccanary-key?auth=canary-token\
    \x03\0\0\0\0\0\x35\x14\0\0\0\0\
    \x02\0\x09FCPublish\0\x40\x08\0\0\0\0\0\0\x05\x02\0\x1ccanary-key?auth=canary-token\
    \x03\0\0\0\0\0\x19\x14\0\0\0\0\
    \x02\0\x0ccreateStream\0\x40\x10\0\0\0\0\0\0\x05";

const PUBLISH_COMMAND: &[u8] = b"\x08\0\0\0\0\0\x3a\x14\x05\0\0\0\
    \x02\0\x07publish\0\x40\x14\0\0\0\0\0\0\x05\x02\0\x1ccanary-key?auth=canary-token\x02\0\x04live";

const CLOSE_COMMANDS: &[u8] = b"\x03\0\0\0\0\0\x37\x14\0\0\0\0\
    \x02\0\x0bFCUnpublish\0\x40\x18\0\0\0\0\0\0\x05\x02\0\x1ccanary-key?auth=canary-token\
    \x03\0\0\0\0\0\x22\x14\0\0\0\0\
    \x02\0\x0cdeleteStream\0\x40\x1c\0\0\0\0\0\0\x05\0\x40\x14\0\0\0\0\0\0";

/// The server's side of a whole conversation, and the exact bytes of ours.
fn converse(step: usize) {
    let mut publisher = publisher();
    let hello = drain(&mut publisher);
    assert_eq!(hello.len(), 1537);
    assert_eq!(hello[..9], [3, 0, 0, 0, 0, 0, 0, 0, 0]);
    let s0s1s2: Vec<u8> = [3].into_iter().chain((0..3072u32).map(|i| (i * 7) as u8)).collect();

    let mut said = Vec::new();
    let mut hear = |publisher: &mut Publisher, bytes: &[u8]| {
        for part in bytes.chunks(step) {
            publisher.handle(part).unwrap();
            said.extend(drain(publisher));
        }
        std::mem::take(&mut said)
    };
    assert_eq!(hear(&mut publisher, &s0s1s2), [&s0s1s2[1..1537], SET_CHUNK_SIZE, CONNECT_COMMAND].concat());
    let control = [
        wire(2, kind::WINDOW_ACK_SIZE, 0, &2_500_000u32.to_be_bytes()),
        wire(2, kind::SET_PEER_BANDWIDTH, 0, b"\x00\x26\x25\xa0\x02"),
        wire(2, kind::SET_CHUNK_SIZE, 0, &128u32.to_be_bytes()),
    ];
    assert_eq!(hear(&mut publisher, &control.concat()), b"\x02\0\0\0\0\0\x04\x05\0\0\0\0\x00\x26\x25\xa0");
    assert_eq!(publisher.poll_event(), None);
    assert_eq!(hear(&mut publisher, &connected()), CREATE_COMMANDS);
    assert_eq!(publisher.poll_event(), Some(Event::Connected));
    let ignored = [
        info("_error", 2.0, "error", "NetConnection.Call.Failed", "releaseStream"),
        info("_error", 3.0, "error", "NetConnection.Call.Failed", "FCPublish"),
        command(0, |w| {
            w.string("onFCPublish").number(0.0).null();
        }),
    ];
    assert_eq!(hear(&mut publisher, &ignored.concat()), b"");
    assert_eq!(hear(&mut publisher, &created(5.0)), PUBLISH_COMMAND);
    let late = info("_error", 0.0, "error", "NetConnection.Call.Failed", "FCPublish");
    assert_eq!(hear(&mut publisher, &late), b"");
    assert_eq!(publisher.poll_event(), None);
    assert_eq!(hear(&mut publisher, &started()), b"");
    assert_eq!(publisher.poll_event(), Some(Event::Publishing { stream_id: 5 }));

    publisher.data(0, b"\x02\0\x01x");
    assert_eq!(drain(&mut publisher), b"\x08\0\0\0\0\0\x04\x12\x05\0\0\0\x02\0\x01x");
    let head = publisher.head(Track::Audio, 7, 2);
    assert_eq!(head.pieces(0, 99).next(), Some(Piece::Head(b"\x04\0\0\x07\0\0\x02\x08\x05\0\0\0")));

    publisher.begin_close();
    assert_eq!(drain(&mut publisher), CLOSE_COMMANDS);
    publisher.begin_close();
    assert_eq!(publisher.output(), b"");
    let farewell = on_status("status", "NetStream.Unpublish.Success", "bye");
    assert_eq!(hear(&mut publisher, &farewell), b"");
    assert_eq!(publisher.poll_event(), None);
    assert_eq!(publisher.handle_end(), Ok(()));
}

#[test]
fn a_conversation_has_these_bytes_in_any_split() {
    for step in [1, 2, 7, 100, 10_000] {
        converse(step);
    }
}

#[test]
fn the_hello_is_fixed_by_its_nonce() {
    let hello = publisher().output().to_vec();
    assert_eq!(hello, publisher().output());
    assert_eq!(hello[9..25], *b"\x99\x86\xa3\x28\x37\x43\xdc\x88\xb1\xe3\xde\x6d\x8e\xdd\xdf\x13");
    assert_eq!(hello[1529..], *b"\x1b\x1a\xb5\x97\x05\x61\x6d\xe9");
    assert_ne!(hello, Publisher::new(target(), *b"12345679").output());
}

#[test]
fn a_result_to_publish_does_as_well_as_a_status() {
    let mut publisher = shaken();
    let accepted = command(1, |w| {
        w.string("_result").number(5.0).null();
    });
    publisher.handle(&[connected(), created(1.0), accepted, started()].concat()).unwrap();
    assert_eq!(events(&mut publisher), [Event::Connected, Event::Publishing { stream_id: 1 }]);
}

#[test]
fn a_key_that_is_a_word_of_the_protocol_does_no_harm() {
    for key in ["Start", "NetStream", "Publish", "status", "already"] {
        let mut publisher = Publisher::new(Target { name: key.into(), ..target() }, [0; 8]);
        publisher.handle(&[3; 3073]).unwrap();
        publisher.handle(&[connected(), created(1.0), started()].concat()).unwrap();
        assert_eq!(publisher.stage(), Stage::Live, "{key}");
    }
    let mut publisher = Publisher::new(Target { name: "already".into(), ..target() }, [0; 8]);
    publisher.handle(&[3; 3073]).unwrap();
    let taken = on_status("error", "NetStream.Publish.BadName", "Stream already publishing");
    publisher.handle(&[connected(), created(1.0), taken].concat()).unwrap();
    let Some(Event::Refused(refusal)) = events(&mut publisher).pop() else { panic!("not refused") };
    assert_eq!(refusal.kind, RefusalKind::AlreadyPublishing);
    assert_eq!(refusal.description, "Stream *** publishing");
}

#[test]
fn a_bandwidth_check_at_any_time_shifts_no_answer() {
    let check = command(0, |w| {
        w.string("onBWDone").number(0.0).null();
    });
    let id = command(0, |w| {
        w.string("_result").number(5.0).null().number(3.0);
    });
    let accepted = command(3, |w| {
        w.string("_result").number(7.0).null();
    });
    let mut publisher = shaken();
    publisher.handle(&[&check[..], &connected(), &check, &id, &check, &accepted].concat()).unwrap();
    assert_eq!(events(&mut publisher), [Event::Connected, Event::Publishing { stream_id: 3 }]);
}

#[test]
fn other_versions_are_tolerated_but_other_protocols_are_not() {
    for version in [0, 3, 6, 19] {
        publisher().handle(&[version]).unwrap();
    }
    for reply in [&b"HTTP/1.1 400 Bad Request"[..], b"\x15\x03\x01", b"RTSP"] {
        assert_eq!(publisher().handle(reply), Err(Fault::NotRtmp { first: reply[0] }));
    }
}

#[test]
fn refusals_are_typed_wherever_they_come() {
    let rejected = info("_error", 1.0, "error", "NetConnection.Connect.InvalidApp", "no such thing");
    assert_eq!(refusal(&[rejected]).kind, RefusalKind::App);
    let result = info("_result", 1.0, "error", "NetConnection.Connect.Rejected", "authmod=adobe");
    assert_eq!(refusal(&[result]).kind, RefusalKind::Auth);
    let bare = command(0, |w| {
        w.string("_error").number(4.0).null().null();
    });
    let bare = refusal(&[connected(), bare]);
    assert_eq!((bare.kind, bare.code.as_str()), (RefusalKind::Other, ""));
    let taken = on_status("error", "NetStream.Publish.BadName", "Already publishing");
    assert_eq!(refusal(&[connected(), created(1.0), taken]).kind, RefusalKind::AlreadyPublishing);
    let mild = on_status("status", "NetStream.publish.Denied", "");
    assert_eq!(refusal(&[connected(), created(1.0), mild]).kind, RefusalKind::BadKey);
    let unlevelled = info("_error", 5.0, "", "NetStream.Odd", "name in use");
    assert_eq!(refusal(&[connected(), created(1.0), unlevelled]).kind, RefusalKind::AlreadyPublishing);
    let failed = info("_error", 5.0, "error", "", "");
    assert_eq!(refusal(&[connected(), created(1.0), failed]).kind, RefusalKind::Other);
    let loose = info("_error", 0.0, "_error", "NetStream.Publish.BadName", "unknown stream key");
    assert_eq!(refusal(&[connected(), created(1.0), loose]).kind, RefusalKind::BadKey);
}

#[test]
fn a_refused_publisher_says_nothing_more() {
    let mut publisher = shaken();
    publisher.handle(&info("_error", 1.0, "error", "NetConnection.Connect.Rejected", "")).unwrap();
    events(&mut publisher);
    publisher.handle(&[connected(), wire(2, kind::USER_CONTROL, 0, b"\0\x06abcd")].concat()).unwrap();
    publisher.begin_close();
    assert_eq!(publisher.output(), b"");
    assert_eq!(publisher.poll_event(), None);
    assert_eq!(publisher.handle_end(), Ok(()));
}

#[test]
fn an_end_of_input_is_a_fault_that_names_the_stage() {
    let mut early = publisher();
    assert_eq!(early.handle_end(), Err(Fault::Closed(Stage::Handshake)));
    let mut live = publishing();
    assert_eq!(live.handle_end(), Err(Fault::Closed(Stage::Live)));
    assert_eq!(live.handle(b"x"), Err(Fault::Closed(Stage::Live)));
    let mut connecting = shaken();
    assert_eq!(
        connecting.handle_end().unwrap_err().to_string(),
        "the server closed the connection before it accepted the application"
    );
}

#[test]
fn a_stream_without_an_id_is_a_fault() {
    for id in [-1.0, 0.5, f64::NAN, f64::INFINITY, 4_294_967_296.0] {
        let mut publisher = shaken();
        publisher.handle(&connected()).unwrap();
        assert_eq!(publisher.handle(&created(id)), Err(Fault::NoStreamId));
    }
    let mut publisher = shaken();
    publisher.handle(&connected()).unwrap();
    let none = command(0, |w| {
        w.string("_result").number(4.0).null();
    });
    assert_eq!(publisher.handle(&none), Err(Fault::NoStreamId));
}

#[test]
fn questions_of_the_server_are_answered() {
    let mut publisher = publishing();
    publisher.handle(&wire(2, kind::USER_CONTROL, 0, b"\0\x06\x01\x02\x03\x04")).unwrap();
    assert_eq!(drain(&mut publisher), b"\x02\0\0\0\0\0\x06\x04\0\0\0\0\0\x07\x01\x02\x03\x04");
    let ask = |name: &'static str| {
        command(0, move |w| {
            w.string(name).number(9.0).null();
        })
    };
    publisher.handle(&ask("ping")).unwrap();
    assert_eq!(drain(&mut publisher)[12..], *b"\x02\0\x04pong\0\x40\x22\0\0\0\0\0\0\x05");
    publisher.handle(&ask("_onbwcheck")).unwrap();
    assert_eq!(
        drain(&mut publisher)[12..],
        *b"\x02\0\x07_result\0\x40\x22\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\0"
    );
    publisher.handle(&ask("onBWDone")).unwrap();
    assert_eq!(drain(&mut publisher)[12..], *b"\x02\0\x08_checkbw\0\x40\x18\0\0\0\0\0\0\x05");
}

#[test]
fn peer_bandwidth_is_answered_when_it_changes() {
    let mut publisher = publishing();
    let set = |window: u32| wire(2, kind::SET_PEER_BANDWIDTH, 0, &[&window.to_be_bytes()[..], &[2]].concat());
    publisher.handle(&[set(5), set(5), set(6)].concat()).unwrap();
    let answers = [wire(2, 5, 0, &[0, 0, 0, 5]), wire(2, 5, 0, &[0, 0, 0, 6])];
    assert_eq!(drain(&mut publisher), answers.concat());
}

#[test]
fn inbound_bytes_are_acknowledged_at_half_the_window_across_the_wrap() {
    let mut publisher = publishing();
    (publisher.received, publisher.acknowledged) = (u32::MAX - 20, u32::MAX - 20);
    publisher.handle(&wire(2, kind::WINDOW_ACK_SIZE, 0, &100u32.to_be_bytes())).unwrap();
    assert_eq!(publisher.output(), b"");
    publisher.handle(&wire(2, kind::ACKNOWLEDGEMENT, 0, &[0; 4]).repeat(3)).unwrap();
    // 4 messages of 16 bytes, 21 of them up to the wrap.
    assert_eq!(drain(&mut publisher), wire(2, kind::ACKNOWLEDGEMENT, 0, &43u32.to_be_bytes()));
}

#[test]
fn later_words_of_the_server_are_passed_on() {
    let mut publisher = publishing();
    let reconnect = command(0, |w| {
        w.string("onStatus").number(0.0).null().object().key("level").string("status");
        w.key("code").string("NetConnection.Connect.ReconnectRequest");
        w.key("tcUrl").string("rtmp://other/live2").key("description").string("update").end();
    });
    publisher.handle(&reconnect).unwrap();
    publisher.handle(&on_status("error", "NetStream.Record.Failed", "disk")).unwrap();
    publisher.handle(&on_status("status", "NetStream.Unpublish.Success", "")).unwrap();
    let status = |ended, code: &str, description: &str| Event::ServerStatus {
        ended,
        code: code.into(),
        description: description.into(),
    };
    assert_eq!(
        events(&mut publisher),
        [
            Event::ReconnectRequest {
                tc_url: Some("rtmp://other/live2".into()),
                description: "update".into()
            },
            status(true, "NetStream.Record.Failed", "disk"),
            status(true, "NetStream.Unpublish.Success", ""),
        ]
    );
}

#[test]
fn storms_do_not_grow_what_is_queued() {
    let ping = wire(2, kind::USER_CONTROL, 0, b"\0\x06abcd");
    let bandwidth = |n: u8| wire(2, kind::SET_PEER_BANDWIDTH, 0, &[0, 0, 1, n, 2]);
    let storms = [
        ping.repeat(8_000),
        [bandwidth(1), bandwidth(2)].concat().repeat(8_000),
        [wire(2, kind::WINDOW_ACK_SIZE, 0, &[0, 0, 0, 1]), ping].concat().repeat(3_000),
        command(0, |w| {
            w.string("onBWDone").number(0.0).null();
        })
        .repeat(3_000),
        command(0, |w| {
            w.string("_onbwcheck").number(0.0).null();
        })
        .repeat(3_000),
        on_status("error", "NetStream.Failed", &"x".repeat(5000)).repeat(100),
        wire(2, kind::ACKNOWLEDGEMENT, 0, &[0; 4]).repeat(8_000),
    ];
    for storm in storms {
        for step in [1, 4096] {
            let mut publisher = publishing();
            for part in storm.chunks(step) {
                publisher.handle(part).unwrap();
            }
            assert!(publisher.output().len() <= OUTPUT_LIMIT + 64, "{}", publisher.output().len());
            assert!(publisher.events.len() <= MAX_EVENTS);
            assert!(publisher.heap() < 64 * 1024);
            // And afterwards it answers again.
            drain(&mut publisher);
            events(&mut publisher);
            publisher.handle(&wire(2, kind::USER_CONTROL, 0, b"\0\x06abcd")).unwrap();
            assert!(!publisher.output().is_empty());
        }
    }
}

#[test]
fn hostile_messages_are_faults_or_nothing() {
    let mut publisher = publishing();
    let deep = [&b"\x02\0\x08onStatus\0\0\0\0\0\0\0\0\0"[..], &b"\x03\0\x01a".repeat(10_000)].concat();
    publisher.handle(&wire(3, kind::COMMAND, 0, &deep)).unwrap();
    for body in [&b""[..], b"\xff", b"\x02\xff\xffx", b"\0\0\0\0\0\0\0\0\0"] {
        publisher.handle(&wire(3, kind::COMMAND, 0, body)).unwrap();
        publisher.handle(&wire(3, kind::COMMAND_AMF3, 0, body)).unwrap();
        publisher.handle(&wire(2, kind::USER_CONTROL, 0, body)).unwrap();
        publisher.handle(&wire(2, kind::WINDOW_ACK_SIZE, 0, body)).unwrap();
        publisher.handle(&wire(2, kind::SET_PEER_BANDWIDTH, 0, body)).unwrap();
    }
    let huge = publisher.handle(b"\x03\0\0\0\xff\xff\xff\x14\0\0\0\0");
    assert_eq!(huge, Err(Fault::Chunk(ChunkError::MessageTooLarge { len: 0xFF_FFFF })));
    assert_eq!(publisher.handle(&started()), huge);
    let size = publishing().handle(&wire(2, kind::SET_CHUNK_SIZE, 0, &[0; 4]));
    assert_eq!(size, Err(Fault::Chunk(ChunkError::ChunkSize { size: 0 })));
}

#[test]
fn the_key_is_never_printed() {
    let mut shown = String::new();
    let mut show =
        |publisher: &Publisher, what: &dyn fmt::Debug| shown.push_str(&format!("{publisher:?} {what:#?}"));
    let mut publisher = publisher();
    show(&publisher, &target());
    publisher.handle(&[3; 3073]).unwrap();
    for answer in [connected(), created(1.0)] {
        publisher.handle(&answer).unwrap();
        show(&publisher, &publisher.events);
        events(&mut publisher);
    }
    let echo = on_status(
        "error",
        KEY,
        "canary-key is bad, canary-key?auth=canary-token too; canary-\u{0}key canary\u{200b}-token",
    );
    publisher.handle(&echo).unwrap();
    show(&publisher, &());
    for event in events(&mut publisher) {
        show(&publisher, &event);
        if let Event::Refused(refusal) = event {
            show(&publisher, &refusal.to_string());
        }
    }
    let mut live = publishing();
    live.handle(&echo).unwrap();
    show(&live, &live.events);
    live.begin_close();
    show(&live, &Fault::Closed(Stage::Live));
    assert!(shown.contains("***"));
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn texts_are_cut_and_printable() {
    let long = refusal(&[info("_error", 1.0, "error", "a\n\u{7}b", &"é".repeat(1000))]);
    assert_eq!((long.code.as_str(), long.description.chars().count()), ("ab", 200));
}

#[test]
fn a_live_publisher_is_small() {
    let mut publisher = publishing();
    let size = |publisher: &Publisher| size_of::<Publisher>() + publisher.heap();
    assert!(size(&publisher) <= 1536, "{} + {}", size_of::<Publisher>(), publisher.heap());
    let ping = wire(2, kind::USER_CONTROL, 0, b"\0\x06abcd");
    publisher.handle(&ping).unwrap();
    drain(&mut publisher);
    let buffer = publisher.output.as_ptr();
    for _ in 0..100 {
        publisher.handle(&ping).unwrap();
        publisher.handle(&wire(2, kind::ACKNOWLEDGEMENT, 0, &[0; 4])).unwrap();
        drain(&mut publisher);
    }
    assert_eq!(publisher.output.as_ptr(), buffer, "answering allocates nothing");
    assert!(size(&publisher) <= 1536);
}

proptest! {
    #[test]
    fn junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..5000), shake in any::<bool>()) {
        let mut publisher = if shake { publisher() } else { publishing() };
        let _ = publisher.handle(&bytes);
        prop_assert!(publisher.heap() < 256 * 1024);
    }
}
