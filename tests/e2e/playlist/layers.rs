//! The picture of one list and the sound of another.

use std::collections::HashMap;
use std::time::Duration;

use streambro_core::PlaylistKind::{Main, Sound};
use streambro_core::{AtEnd, Edit, Item, Phase, Playlist, Reason, Repeat, Source, StreamSpec};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::flv::{Kind, Tag};
use streambro_tests::nginx::Nginx;

use super::show::{mixed, warped};
use crate::publish::desk::{BOUND, Book, ends, live, reach, to, until};
use crate::publish::film::{Film, read};

#[tokio::test]
async fn a_short_picture_loops_over_a_long_list_of_songs_and_each_keeps_its_own_pace() {
    let nginx = Nginx::start().await;
    let picture = Film::of(Clip::new().seconds(2.0).gop(30).make().await).await;
    let mut songs = vec![];
    for (n, seconds) in [3.3, 2.1, 4.7].into_iter().enumerate() {
        let tone =
            format!("aevalsrc='0.2*sin(2*PI*({}+60*t)*t)':s=48000:c=stereo:d={seconds}", 200 + 150 * n);
        // One of them has a picture of its own, which nobody sees.
        let clip = Clip::new().seconds(seconds).tone(&tone);
        songs.push(Film::of(if n == 1 { clip } else { clip.audio_only() }.make().await).await);
    }
    let manager = warped(4).await;
    let book = Book::of(&manager);
    let list = Playlist::new(songs.iter().map(|song| Item::file(&song.path)));
    let source = Source::file(&picture.path).repeat(Repeat::Times(20)).sound(list);
    let spec = StreamSpec::new("lofi", source).destination(to(&nginx.rtmp_url("live"), "lofi"));
    let stream = manager.start(spec).await.unwrap();
    live(&stream).await;
    let version = manager.playlist("lofi", Sound).unwrap().version;
    manager.edit("lofi", Sound, Some(version), [Edit::Append(Item::file(&songs[0].path))]).await.unwrap();
    until("it is the last song's turn", BOUND, || manager.as_run("lofi", Sound).unwrap().len() > 8).await;
    let status = ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("lofi", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts, status.laps), (1, 1, 19));
    let file = read(&recordings[0]);
    let pictures: Vec<_> = file.samples(Kind::Video).map(Tag::md5).collect();
    assert_eq!(pictures.len(), picture.video.len() * 20);
    assert!(pictures.iter().zip(picture.video.iter().cycle()).all(|(got, want)| *got == want.md5));
    // What is heard are the songs in their order, none of the picture's own sound, and no hole.
    let mut known = HashMap::new();
    for (n, song) in songs.iter().enumerate() {
        known.extend(song.audio.iter().map(|frame| (frame.md5.as_str(), n)));
    }
    let mut order: Vec<usize> = vec![];
    let mut silent = 0;
    let mut times = vec![];
    for tag in file.samples(Kind::Audio) {
        times.push(tag.timestamp);
        match known.get(tag.md5().as_str()) {
            Some(song) if order.last() != Some(song) => order.push(*song),
            Some(_) => {}
            None => silent += 1,
        }
    }
    let run: Vec<_> = manager.as_run("lofi", Sound).unwrap();
    let names: Vec<_> = songs.iter().map(|song| &song.path).collect();
    let mut said: Vec<_> =
        run.iter().filter_map(|run| names.iter().position(|name| **name == run.file)).collect();
    said.dedup();
    assert!(said.len() - order.len() <= 1 && said[..order.len()] == order[..], "{said:?} {order:?}");
    assert!(times.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] < 70), "a hole of sound");
    assert!(silent <= order.len(), "{silent} silent frames");
    let main = manager.as_run("lofi", Main).unwrap();
    assert_eq!(main.len(), 20);
    ffmpeg::decodes(&recordings[0]).await;
    book.audit();
}

#[tokio::test]
async fn a_destination_that_comes_back_finds_picture_and_sound_where_they_were() {
    let mut nginx = Nginx::start().await;
    let films = mixed(3, 4.0).await;
    let song = Clip::new().seconds(30.0).audio_only().make().await;
    let manager = warped(1).await;
    let pictures = Playlist::new(films.iter().map(|film| Item::file(&film.path)));
    let source = Source::playlist(pictures).repeat(Repeat::Forever).sound(Playlist::new([&*song]));
    let spec = StreamSpec::new("back", source).destination(to(&nginx.rtmp_url("live"), "back"));
    let stream = manager.start(spec).await.unwrap();
    live(&stream).await;
    until("some seconds play", BOUND, || stream.status().media_ms > 6_000).await;
    nginx.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    nginx.restart().await;
    live(&stream).await;
    let at = stream.status().media_ms;
    until("some more seconds play", BOUND, || stream.status().media_ms > at + 2_000).await;
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let song = Film::of(song).await;
    let place: HashMap<_, _> =
        song.audio.iter().enumerate().map(|(at, frame)| (frame.md5.as_str(), at)).collect();
    let mut last = 0;
    for (n, file) in nginx.settled("back", 2, BOUND).await.iter().enumerate() {
        let file = read(file);
        assert!(file.samples(Kind::Video).next().is_some_and(Tag::is_key));
        let frames: Vec<_> =
            file.samples(Kind::Audio).filter_map(|tag| place.get(tag.md5().as_str())).collect();
        assert!(frames.windows(2).all(|pair| *pair[0] < *pair[1]), "the sound goes on in order");
        if n == 1 {
            // From the last keyframe before the end on, which is up to a second earlier.
            let again = last as isize - *frames[0] as isize;
            assert!((-50..=110).contains(&again), "{again} frames again");
        }
        last = **frames.last().unwrap();
        ffmpeg::decodes(&nginx.recordings("back")[n]).await;
    }
}

#[tokio::test]
async fn a_picture_that_runs_dry_stands_still_while_the_songs_go_on() {
    let nginx = Nginx::start().await;
    let pictures = mixed(2, 2.0).await;
    let song = Clip::new().seconds(30.0).audio_only().make().await;
    let manager = warped(1).await;
    let list = Playlist::new([Item::file(&pictures[0].path)]).at_end(AtEnd::Hold);
    let source = Source::playlist(list).sound(Playlist::new([&*song]));
    let spec = StreamSpec::new("dry", source).destination(to(&nginx.rtmp_url("live"), "dry"));
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Holding).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    manager.edit("dry", Main, None, [Edit::Append(Item::file(&pictures[1].path))]).await.unwrap();
    live(&stream).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    let recordings = nginx.settled("dry", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1));
    let file = read(&recordings[0]);
    let song = Film::of(song).await;
    let place: HashMap<_, _> =
        song.audio.iter().enumerate().map(|(at, frame)| (frame.md5.as_str(), at)).collect();
    let heard: Vec<_> = file.samples(Kind::Audio).filter_map(|tag| place.get(tag.md5().as_str())).collect();
    assert!(heard.windows(2).all(|pair| *pair[0] + 1 == *pair[1]), "the song has no hole");
    assert!(heard.len() > 7 * 46, "{} frames", heard.len());
    let seen: Vec<u32> = file.samples(Kind::Video).map(|tag| tag.timestamp).collect();
    assert!(seen.windows(2).all(|pair| pair[1] - pair[0] <= 1_100), "a picture each second");
    ffmpeg::decodes(&recordings[0]).await;
}
