//! Everything a receiver must be told before and between the frames of a file, as FLV bodies.

use std::sync::Arc;

use super::{
    aac, flv, h264,
    index::{AudioConfig, Index, VideoConfig},
    packet::{Packet, Track},
};

/// What goes around the frames of one file. Every stream that plays it shares one.
#[derive(Debug)]
pub(crate) struct Program {
    /// onMetaData, for RTMP.
    pub(crate) metadata: Box<[u8]>,
    /// One for each video configuration.
    pub(crate) video: Vec<VideoHeader>,
    /// The sequence header of each audio configuration; where the file has no sound, that of silence.
    pub(crate) audio: Vec<Arc<[u8]>>,
    /// A frame of silence, if there is one for the channel layout.
    pub(crate) silence: Option<Arc<[u8]>>,
    /// The track with whose keyframes a receiver can begin.
    leads: Track,
}

/// What of a program a receiver does not know that knows another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) video: bool,
    pub(crate) audio: bool,
}

/// What announces a video configuration.
#[derive(Debug)]
pub(crate) struct VideoHeader {
    /// The sequence header.
    pub(crate) header: Arc<[u8]>,
    /// The parameter sets as NAL units, for the first frame after a change: some players look only there.
    pub(crate) in_band: Arc<[u8]>,
}

impl Program {
    /// Prepares what `index` needs, in a stream whose silence sounds like `silent`.
    pub(crate) fn new(index: &Index, silent: &AudioConfig) -> Self {
        let video = index.video.iter().flat_map(|track| &track.configs).map(|config| VideoHeader {
            header: [&flv::prefix::VIDEO_HEADER[..], &config.avcc].concat().into(),
            in_band: in_band(config).into(),
        });
        let audio = match &index.audio {
            Some(track) => track.configs.iter().map(|config| &config.asc).collect(),
            None => vec![&silent.asc],
        };
        let audio = audio.into_iter().map(|asc| [&flv::prefix::AUDIO_HEADER[..], asc].concat().into());
        let silence = aac::silent_frame(silent.channel_config)
            .map(|frame| [&flv::prefix::AUDIO_FRAME[..], frame].concat().into());
        Self {
            metadata: flv::metadata::on_metadata(index, true).into(),
            video: video.collect(),
            audio: audio.collect(),
            silence,
            leads: if index.video.is_some() { Track::Video } else { Track::Audio },
        }
    }

    /// The same as the sound of a stream whose picture is another program's.
    pub(crate) fn under_a_picture(self) -> Self {
        Self { leads: Track::Video, ..self }
    }

    /// Whether a receiver can begin with a packet.
    pub(crate) fn is_entrance(&self, packet: &Packet) -> bool {
        packet.key && packet.track == self.leads
    }
}

impl Program {
    /// What a receiver that knows this one must be told of the next. Nothing of what has one configuration that is the same.
    pub(crate) fn news(&self, next: &Self) -> News {
        let headers =
            |program: &Self| program.video.iter().map(|video| Arc::clone(&video.header)).collect::<Vec<_>>();
        News {
            video: self.video.len() > 1 || headers(self) != headers(next),
            audio: self.audio.len() > 1 || self.audio != next.audio,
        }
    }
}

/// The parameter sets of a configuration as NAL units of its samples.
fn in_band(config: &VideoConfig) -> Vec<u8> {
    let mut nals = vec![];
    let size = usize::from(config.nal_length_size).clamp(1, 4);
    for set in h264::AvcC::parse(&config.avcc).iter().flat_map(h264::AvcC::parameter_sets) {
        nals.extend_from_slice(&(set.len() as u32).to_be_bytes()[4 - size..]);
        nals.extend_from_slice(set);
    }
    nals
}
