//! From a spec to what plays: opens the source, learns what is in it, and settles how it is sent.

use std::{fs::File, path::PathBuf, sync::Arc};

use super::verbs::StreamManager;
use crate::{
    error::{Error, ErrorKind, Result},
    ffmpeg::{Codec, Decoder, Format, Job, SandboxPlan, Shape},
    media::foreign::Foreign,
    source::{PassSource, Prepared, Production, Way},
    spec::{Encode, Encoder, Preset, Size, StreamSpec, Video},
    survey::{Gated, measure},
};

impl StreamManager {
    /// Opens what a spec plays.
    pub(super) async fn prepare(&self, spec: &StreamSpec) -> Result<Prepared> {
        match &spec.video {
            Video::Copy => {
                let patience = self.0.services.times.survey;
                self.0.shelf.survey(&spec.source.file, patience).await.map(Prepared::Film)
            }
            Video::Encode(encode) => {
                self.produce(spec, encode).await.map(|made| Prepared::Production(Arc::new(made)))
            }
        }
    }

    async fn produce(&self, spec: &StreamSpec, encode: &Encode) -> Result<Production> {
        encode.check()?;
        let patience = self.0.services.times.survey;
        let gated = self.0.shelf.gate(&spec.source.file, patience).await?;
        let name = spec.source.file.display().to_string();
        let foreign = measure(&PathBuf::from("/usr/bin/ffprobe"), &gated, &name, patience).await?;
        let shape = shape(&foreign);
        let format = match gated.format {
            crate::media::format::Format::Mov => Format::Mov,
            crate::media::format::Format::Matroska => Format::Matroska,
            crate::media::format::Format::MpegTs => Format::MpegTs,
            _ => Format::Flv,
        };
        let preset = if encode.preset == Preset::Auto { Preset::Veryfast } else { encode.preset };
        let job = Job::encode(format, encode, Codec::X264, Decoder::Software, preset, shape);
        Ok(Production {
            ffmpeg: "/usr/bin/ffmpeg".into(),
            source: PassSource { file: gated.file, len: gated.len, length_ms: foreign.duration_ms },
            ways: vec![Way { job, encoder: Some(Encoder::X264) }],
            sandbox: SandboxPlan::default(),
            why: "the picture is encoded, as asked".to_owned(),
        })
    }
}

fn shape(foreign: &Foreign) -> Shape {
    let video = foreign.video.as_ref();
    Shape {
        size: Size {
            width: video.map_or(1_280, |video| video.width),
            height: video.map_or(720, |video| video.height),
        },
        fps: video.and_then(|video| video.frame_rate).unwrap_or(30.0),
    }
}
