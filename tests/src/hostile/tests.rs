use std::process::{Command, Stdio};

use super::*;
use crate::ffmpeg::Clip;
use crate::process::Guard;

async fn publish(hostile: &Hostile, copy_forever: bool) -> Guard {
    let clip = Clip::new().seconds(2.0).make().await;
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error"]);
    if copy_forever {
        command.args(["-stream_loop", "-1"]);
    }
    command.arg("-i").arg(clip).args(["-c", "copy", "-f", "flv"]);
    command.arg(format!("{}/some-key", hostile.url())).stderr(Stdio::null());
    Guard::spawn(command)
}

#[tokio::test]
async fn while_it_behaves_ffmpeg_publishes_to_it() {
    let hostile = Hostile::start(Attack::Nothing, Stage::Published).await;
    let mut ffmpeg = publish(&hostile, false).await;
    assert!(ffmpeg.wait(Duration::from_secs(20)).await.success());
    let visits = hostile.until(Duration::from_secs(5), |v| v[0].closed_after.is_some()).await;
    let visit = &visits[0];
    assert_eq!((visit.app.as_str(), visit.key.as_str()), ("live", "some-key"));
    assert_eq!(visit.publish_stream, Some(STREAM_ID));
    // Two seconds of video and audio, their headers and the metadata.
    assert!(visit.media > 60 + 93, "{visit:?}");
    assert!(visit.commands.iter().any(|c| c == "createStream"), "{visit:?}");
}

#[tokio::test]
async fn refusals_reach_the_publisher() {
    for attack in
        [Attack::RejectConnect, Attack::BadName, Attack::AlreadyPublishing, Attack::RejectCreateStream]
    {
        let hostile = Hostile::start(attack, Stage::Published).await;
        let mut ffmpeg = publish(&hostile, false).await;
        assert!(!ffmpeg.wait(Duration::from_secs(20)).await.success(), "{attack:?}");
        assert_eq!(hostile.visits()[0].media, 0, "{attack:?}");
    }
}

#[tokio::test]
async fn a_server_that_stops_reading_notices_that_the_publisher_has_gone() {
    let hostile = Hostile::start(Attack::StopReading, Stage::Published).await;
    let mut ffmpeg = publish(&hostile, true).await;
    hostile.until(Duration::from_secs(10), |v| v.first().is_some_and(|v| v.attacked_after.is_some())).await;
    assert!(hostile.visits()[0].closed_after.is_none());
    ffmpeg.kill();
    hostile.until(Duration::from_secs(5), |v| v[0].closed_after.is_some()).await;
}

#[tokio::test]
async fn pings_without_end_are_answered_by_ffmpeg() {
    let hostile = Hostile::start(Attack::PingStorm, Stage::Published).await;
    let _ffmpeg = publish(&hostile, true).await;
    hostile.until(Duration::from_secs(10), |v| v.first().is_some_and(|v| v.pongs > 100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_comes_at_its_stage() {
    let stages = [Stage::Accepted, Stage::Handshaken, Stage::Connected, Stage::Created, Stage::Published];
    let attacks = [
        Attack::ChunkSize(0),
        Attack::ChunkSize(0xFF_FFFF),
        Attack::HugeMessages,
        Attack::HugeAmf,
        Attack::DeepAmf(10_000),
        Attack::AckStorm,
        Attack::WindowOfOne,
        Attack::OneByteASecond,
        Attack::Silent,
        Attack::Close,
        Attack::Reset,
        Attack::Noise,
    ];
    for (i, attack) in attacks.into_iter().enumerate() {
        // Every attack at the last stage, and at one of the others in turn.
        for stage in [Stage::Published, stages[i % 4]] {
            let hostile = Hostile::start(attack, stage).await;
            let mut ffmpeg = publish(&hostile, true).await;
            let visits = hostile
                .until(Duration::from_secs(20), |v| v.first().is_some_and(|v| v.attacked_after.is_some()))
                .await;
            assert_eq!(visits[0].publish_stream.is_some(), stage == Stage::Published, "{attack:?} {stage:?}");
            ffmpeg.kill();
            hostile.until(Duration::from_secs(20), |v| v[0].closed_after.is_some()).await;
        }
    }
}
