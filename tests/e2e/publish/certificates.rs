//! RTMPS: who is believed and who is not.

use std::net::Ipv4Addr;
use std::time::Duration;

use streambro_core::{Destination, Reason, Repeat, Source, StreamManager, StreamSpec, Times, Trust};
use streambro_tests::certs::{Authority, Identity, Tls, self_signed};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::nginx::Nginx;
use streambro_tests::tls_front::TlsFront;

use super::desk::{BOUND, Book, ends, live, manager, spec, to, until};
use super::film::Film;
use super::logs::Logs;

async fn film() -> Film {
    Film::of(Clip::new().seconds(3.0).make().await).await
}

fn publish(id: &str, film: &Film, destination: Destination) -> StreamSpec {
    StreamSpec::new(id, Source::file(&film.path).repeat(Repeat::Once)).destination(destination)
}

async fn front(identity: &Identity, tls: Tls, nginx: &Nginx) -> TlsFront {
    TlsFront::start_with(identity, tls, (Ipv4Addr::LOCALHOST, nginx.port()).into()).await
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_ends_the_connection_before_a_byte_of_rtmp() {
    let nginx = Nginx::start().await;
    let (film, manager) = (film().await, manager().await);
    let book = Book::of(&manager);
    let authority = Authority::new();
    let ours = || Trust::Roots(authority.pem());
    // Whose certificate, whom we trust, and the word that tells a human what is wrong.
    let cases = [
        ("self-signed", self_signed(), ours(), "self-signed"),
        ("expired", authority.expired(), ours(), "it has expired"),
        ("wrong-host", authority.wrong_host(), ours(), "elsewhere.invalid"),
        ("another-authority", Authority::new().good(), ours(), "trusted roots"),
        ("default-trust", authority.good(), Trust::System, "trusted roots"),
    ];
    let mut fronts = Vec::new();
    for (name, identity, trust, word) in cases {
        for (tls, version) in [(Tls::V12, "1.2"), (Tls::Any, "1.3")] {
            let front = front(&identity, tls, &nginx).await;
            let id = format!("{name}-{version}");
            let to = to(&front.rtmps_url("localhost", "live"), "key").trust(trust.clone());
            manager.start(publish(&id, &film, to)).await.unwrap();
            fronts.push((id, front, word));
        }
    }
    for (id, front, word) in &fronts {
        let (reason, detail, retry) = book.failure(id).await;
        assert_eq!(reason, Reason::TlsFailed, "{id}: {detail}");
        eprintln!("{id}: {detail}");
        assert!(detail.contains(word), "{id}: {detail}");
        // A human has to mend it.
        assert!(retry >= 29_000, "{id}: again in {retry} ms");
        until("the server sees the refusal", BOUND, || front.failed() > 0).await;
        assert_eq!((front.plaintext(), front.accepted()), (0, 1), "{id}");
    }
    assert!(nginx.recordings("key").is_empty());
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_is_left_in_time_with_a_hint() {
    let nginx = Nginx::start().await;
    let film = film().await;
    // It waits for the rest of a handshake that never comes.
    let mut times = Times::default();
    times.handshake = Duration::from_secs(1);
    let manager = StreamManager::builder().times(times).build().await.unwrap();
    let book = Book::of(&manager);
    let url = nginx.rtmp_url("live").replace("rtmp://", "rtmps://");
    manager.start(spec("plain", &film.path, Repeat::Once, &url, "key")).await.unwrap();
    let (reason, detail, _) = book.failure("plain").await;
    eprintln!("{reason:?}: {detail}");
    // It may as well be a server that is too busy: that is tried again soon.
    assert_eq!(reason, Reason::HandshakeTimeout, "{detail}");
    assert!(detail.contains("RTMPS"), "{detail}");
}

#[tokio::test]
async fn a_good_certificate_carries_the_whole_film_over_both_versions() {
    let nginx = Nginx::start().await;
    let (film, manager) = (film().await, manager().await);
    let authority = Authority::new();
    let mut runs = Vec::new();
    for (tls, key) in [(Tls::V12, "tls12"), (Tls::Any, "tls13")] {
        let front = front(&authority.good(), tls, &nginx).await;
        let to = to(&front.rtmps_url("localhost", "live"), key).trust(Trust::Roots(authority.pem()));
        runs.push((key, front, manager.start(publish(key, &film, to)).await.unwrap()));
    }
    for (key, front, stream) in runs {
        ends(&stream, Reason::Finished).await;
        let files = nginx.settled(key, 1, BOUND).await;
        film.check(&files[0], 1);
        assert_eq!((front.handshakes(), front.failed()), (1, 0), "{key}");
        assert!(front.plaintext() > 3_073, "{key}");
    }
}

#[tokio::test]
async fn verification_can_be_turned_off_and_that_is_logged() {
    let logs = Logs::default();
    // One thread runs everything that opens connections.
    let _guard = tracing::subscriber::set_default(logs.clone());
    let nginx = Nginx::start().await;
    let (film, manager) = (film().await, manager().await);
    let front = front(&self_signed(), Tls::Any, &nginx).await;
    let url = front.rtmps_url("localhost", "live");
    let to = to(&url, "secret-key").trust(Trust::DangerAnyCertificate);
    let stream = manager.start(publish("danger", &film, to)).await.unwrap();
    live(&stream).await;
    ends(&stream, Reason::Finished).await;
    film.check(&nginx.settled("secret-key", 1, BOUND).await[0], 1);
    let warnings: Vec<_> = logs.lines().into_iter().filter(|line| line.starts_with("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("not verified") && warnings[0].contains(&url), "{warnings:?}");
    assert!(!logs.lines().concat().contains("secret-key"));
}
