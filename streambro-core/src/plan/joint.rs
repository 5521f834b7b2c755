//! What may follow what on one connection.

use crate::{
    media::{
        foreign::Foreign,
        index::{AudioConfig, Index, Layer},
    },
    spec::{Encode, Size},
};

/// What a stream looks and sounds like, from its first item on: receivers expect it to stay so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// Width and height; `None` for a stream without a picture.
    size: Option<(u32, u32)>,
    /// That of the first item that has sound, else of the silence that takes its place.
    audio: AudioConfig,
    layer: Layer,
}

impl Format {
    /// That of a stream that begins with these.
    pub(crate) fn of<'a>(items: impl IntoIterator<Item = &'a Index> + Clone) -> Self {
        let size = items.clone().into_iter().next().and_then(size);
        let audio = items.into_iter().find(|index| index.audio.is_some()).map(Index::audio_config);
        Self { size, audio: audio.unwrap_or_else(AudioConfig::silent), layer: Layer::Both }
    }

    /// Those of the layers of a stream whose picture and sound begin with these: picture and sound.
    pub(crate) fn of_layers(picture: &Index, sound: &Index) -> [Self; 2] {
        let layer = |layer, size| Self { size, audio: sound.audio_config(), layer };
        [layer(Layer::Picture, size(picture)), layer(Layer::Sound, None)]
    }

    /// That of a stream whose first item ffmpeg makes.
    pub(crate) fn made(size: Size, sample_rate: u32, channels: u8) -> Self {
        let audio = AudioConfig::lc(sample_rate, channels);
        Self { size: Some((size.width, size.height)), audio, layer: Layer::Both }
    }

    /// How an item is encoded so that it can join.
    pub(crate) fn matched(&self, encode: &Encode) -> Encode {
        let channels = u8::min(self.audio.channel_config, 8);
        let encode = encode.clone().sample_rate(self.audio.sample_rate).channels(channels);
        match self.size {
            Some((width, height)) => encode.size(width, height),
            None => encode,
        }
    }

    /// What of its items plays.
    pub(crate) fn layer(&self) -> Layer {
        self.layer
    }

    /// The stream's sound.
    pub(crate) fn audio(&self) -> &AudioConfig {
        &self.audio
    }

    /// The sound that fills holes; `None` where another list is heard.
    pub(crate) fn silence(&self) -> Option<&AudioConfig> {
        (self.layer != Layer::Picture).then_some(&self.audio)
    }

    /// Why an item cannot join without a new connection, and what to do; `None` when it can.
    ///
    /// Other parameter sets alone are no reason: they go out as a new header in the stream (DESIGN 5.4). No sound is none
    /// either: silence takes its place.
    pub(crate) fn refuses(&self, next: &Index) -> Option<String> {
        let next = &next.view(self.layer);
        if self.layer == Layer::Sound && next.audio.is_none() {
            return Some("it has no sound to be heard: leave it out".to_owned());
        }
        match (&next.video, self.size) {
            (None, Some(_)) => {
                return Some("it has no picture, and the stream has one: leave it out".to_owned());
            }
            (Some(_), None) if self.layer != Layer::Sound => {
                return Some("it has a picture, and the stream has none: leave it out".to_owned());
            }
            _ => {}
        }
        let differ = |what: &str, is: String, wanted: String| {
            (is != wanted).then(|| {
                format!(
                    "its {what} is {is}, the stream's is {wanted}: encode it alike, or let the list do that"
                )
            })
        };
        let (width, height) = self.size.unwrap_or_default();
        let wanted = || format!("{width}x{height}");
        let mut pictures = next.video.iter().flat_map(|video| &video.configs);
        let by_picture = pictures
            .find_map(|config| differ("picture", format!("{}x{}", config.width, config.height), wanted()));
        let sounds = || next.audio.iter().flat_map(|audio| &audio.configs);
        let by_sound = |what: &str, of: fn(&AudioConfig) -> String| {
            sounds().find_map(|config| differ(what, of(config), of(&self.audio)))
        };
        by_picture
            .or_else(|| by_sound("sample rate", |config| format!("{} Hz", config.sample_rate)))
            .or_else(|| by_sound("number of channels", |config| config.channel_config.to_string()))
            .or_else(|| by_sound("kind of AAC", |config| format!("object type {}", config.object_type)))
    }
}

impl Format {
    /// The same of a file that ffmpeg copies.
    pub(crate) fn refuses_foreign(&self, next: &Foreign) -> Option<String> {
        let differ = |what: &str, is: u32, wanted: u32| {
            (is != wanted).then(|| {
                format!(
                    "its {what} is {is}, the stream's is {wanted}: encode it alike, or let the list do that"
                )
            })
        };
        let (width, height) = self.size.unwrap_or_default();
        let seen = next.video.as_ref().and_then(|video| {
            differ("width", video.width, width).or_else(|| differ("height", video.height, height))
        });
        // Sound that is no AAC is encoded anyhow.
        let heard = next.audio.as_ref().filter(|audio| audio.codec == "aac");
        seen.or_else(|| {
            let heard = heard?;
            differ("sample rate", heard.sample_rate, self.audio.sample_rate)
                .or_else(|| differ("number of channels", heard.channels, self.audio.channel_config.into()))
        })
    }
}

fn size(index: &Index) -> Option<(u32, u32)> {
    index.video.as_ref()?.configs.first().map(|config| (config.width, config.height))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::media::index::{Layout, TrackInfo, VideoConfig};

    fn track<C>(config: C) -> TrackInfo<C> {
        TrackInfo {
            timescale: NonZeroU32::new(1_000).unwrap(),
            configs: vec![config],
            first_dts: 0,
            first_pts: 0,
            min_composition: 0,
            duration: 1_000,
            samples: 1,
        }
    }

    fn film(width: u32, profile: u8, sample_rate: Option<u32>) -> Index {
        let video = VideoConfig {
            avcc: [profile].into(),
            width,
            height: 360,
            profile,
            level: 30,
            nal_length_size: 4,
        };
        let audio =
            sample_rate.map(|sample_rate| track(AudioConfig { sample_rate, ..AudioConfig::silent() }));
        Index { video: Some(track(video)), audio, layout: Layout::default() }
    }

    #[test]
    fn other_parameter_sets_and_no_sound_join_and_the_rest_is_refused_with_both_figures() {
        let first = film(640, 100, Some(44_100));
        let format = Format::of([&first]);
        assert_eq!(format.refuses(&film(640, 77, Some(44_100))), None);
        assert_eq!(format.refuses(&film(640, 100, None)), None);
        let why = format.refuses(&film(640, 100, Some(48_000))).unwrap();
        assert_eq!(
            why,
            "its sample rate is 48000 Hz, the stream's is 44100 Hz: encode it alike, or let the list do that"
        );
        let why = format.refuses(&film(1_280, 100, None)).unwrap();
        assert_eq!(
            why,
            "its picture is 1280x360, the stream's is 640x360: encode it alike, or let the list do that"
        );
        let deaf = Index { video: None, ..film(640, 100, Some(44_100)) };
        assert!(format.refuses(&deaf).unwrap().starts_with("it has no picture"));
    }

    #[test]
    fn the_sound_is_that_of_the_first_item_that_has_one() {
        let (mute, loud) = (film(640, 100, None), film(640, 100, Some(44_100)));
        assert_eq!(Format::of([&mute, &loud]).audio().sample_rate, 44_100);
        assert_eq!(Format::of([&mute]).audio().sample_rate, 48_000);
    }
}
