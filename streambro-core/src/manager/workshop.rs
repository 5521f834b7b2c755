//! What a manager has for streams that are not copied as they are: ffmpeg, encoders that work, renditions.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::oneshot;

use crate::{
    error::{Error, ErrorKind, Result},
    ffmpeg::{
        Availability, Codec, Cookie, Decoder, EncoderReport, Encoders, Job, Lacking, Sandbox, SandboxPlan,
        Shape, chain,
        tools::{Lack, Toolbox, Tools},
    },
    media::format::Format,
    rendition::Store,
    source::Way,
    spec::{Encode, Encoder},
    sys,
};

/// How a manager encodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) ffmpeg: Option<PathBuf>,
    /// Empty is the library's own.
    pub(super) order: Vec<Encoder>,
    /// Where renditions are kept, and how many bytes of them.
    pub(super) renditions: Option<(PathBuf, u64)>,
    pub(super) sandbox: Sandbox,
    /// Where an ffmpeg keeps its libraries, if in a place of its own.
    pub(super) libraries: Vec<PathBuf>,
    /// Whether raw options are taken.
    pub(super) raw: bool,
    /// What marks every ffmpeg as this manager's, and as that of the next one with its state.
    pub(super) owner: Option<Cookie>,
}

/// What a manager encodes with.
#[derive(Debug)]
pub(super) struct Workshop {
    settings: Settings,
    toolbox: Toolbox,
    encoders: Arc<Encoders>,
    store: Option<Arc<Store>>,
}

impl Workshop {
    /// Opens the directory of renditions, if there is one. Blocks for as long as the disk does.
    pub(super) fn open(settings: Settings) -> Result<Self> {
        let store = settings.renditions.as_ref().map(|(dir, quota)| Store::open(dir, *quota)).transpose()?;
        let toolbox = Toolbox::new(settings.ffmpeg.clone());
        Ok(Self { settings, toolbox, encoders: Arc::default(), store })
    }

    pub(super) fn encoders(&self) -> &Arc<Encoders> {
        &self.encoders
    }

    pub(super) fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
    }

    /// What ffmpeg may touch.
    ///
    /// # Errors
    /// `Host` when the system cannot hold what is required.
    pub(super) fn sandbox(&self, encode: Option<&Encode>) -> Result<SandboxPlan> {
        let devices = encode.is_some_and(|encode| encode.encoder != Encoder::X264);
        let (sandbox, read) = (self.settings.sandbox, self.settings.libraries.clone());
        let owner = self.settings.owner.clone();
        let plan = SandboxPlan { sandbox, devices, read, owner, ..SandboxPlan::default() };
        let lacking = |lacking: Lacking| Error::new(ErrorKind::Host, "sandbox", lacking.0);
        plan.kernel.promises(sandbox).map_err(lacking)?;
        Ok(plan)
    }

    /// Refuses raw options where nobody has allowed them.
    pub(super) fn check(&self, encode: &Encode) -> Result<()> {
        encode.check()?;
        if encode.has_raw() && !self.settings.raw {
            let detail =
                "this manager takes no raw options of ffmpeg; the setting `allow_raw_options` lets it";
            return Err(Error::new(ErrorKind::NotAllowed, "raw", detail));
        }
        Ok(())
    }

    /// The ffmpeg that there is now.
    pub(super) async fn tools(self: &Arc<Self>) -> Result<Result<Tools, Lack>> {
        let workshop = Arc::clone(self);
        aside(move || workshop.toolbox.look()).await
    }

    /// Whether each encoder works here, in the order in which they are chosen.
    pub(super) async fn reports(self: &Arc<Self>) -> Result<Vec<EncoderReport>> {
        let workshop = Arc::clone(self);
        aside(move || {
            let tools = workshop.toolbox.look()?;
            Ok(workshop.encoders.reports(&tools, &chain(&workshop.settings.order), None))
        })
        .await?
    }

    /// The encoders that work for a picture, in the order in which they are chosen.
    pub(super) async fn working(self: &Arc<Self>, encode: &Encode) -> Result<Vec<Encoder>> {
        let (workshop, device) = (Arc::clone(self), encode.device.clone());
        aside(move || {
            let tools = workshop.toolbox.look()?;
            let order = chain(&workshop.settings.order);
            let reports = workshop.encoders.reports(&tools, &order, device.as_deref());
            let works = |report: &EncoderReport| report.availability == Availability::Available;
            Ok(reports.into_iter().filter(works).map(|report| report.encoder).collect())
        })
        .await?
    }

    /// How a picture can be encoded here, each way to be tried after the one before has failed.
    ///
    /// # Errors
    /// `EncoderUnavailable` when there is none.
    pub(super) async fn ways(
        self: &Arc<Self>,
        tools: &Tools,
        encode: &Encode,
        format: Format,
        shape: Shape,
    ) -> Result<Vec<Way>> {
        let (workshop, tools, encode) = (Arc::clone(self), tools.clone(), encode.clone());
        aside(move || workshop.find_ways(&tools, &encode, format, shape)).await?
    }

    fn find_ways(&self, tools: &Tools, encode: &Encode, format: Format, shape: Shape) -> Result<Vec<Way>> {
        let wanted = match Codec::of(encode.encoder) {
            Some(codec) => vec![codec],
            None => chain(&self.settings.order),
        };
        let reports = self.encoders.reports(tools, &wanted, encode.device.as_deref());
        let (mut ways, mut passed) = (vec![], vec![]);
        for (codec, report) in wanted.into_iter().zip(reports) {
            if let Availability::Unavailable { why } = report.availability {
                passed.push(format!("{}: {why}", codec.encoder().name()));
                continue;
            }
            let preset = self.encoders.preset(tools, encode, codec, shape);
            for decoder in Decoder::attempts(codec, encode.decode) {
                let job = Job::encode(format, encode, codec, *decoder, preset, shape);
                let (encoder, instead) = (Some(codec.encoder()), passed.join("; "));
                ways.push(Way { job, encoder, decodes: *decoder == Decoder::Device, instead });
            }
        }
        if ways.is_empty() {
            let passed = passed.join("; ");
            let detail = match encode.encoder {
                Encoder::Auto => {
                    format!("no encoder works here: {passed}; install an ffmpeg that has libx264")
                }
                _ => format!("it does not work here: {passed}; choose another, or `auto`"),
            };
            return Err(Error::new(ErrorKind::EncoderUnavailable, "encoder", detail));
        }
        Ok(ways)
    }
}

/// Does on a thread of its own what may wait for a disk or a process. Cancel safe: the thread finishes by itself.
pub(super) async fn aside<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (reply, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name("streambro-aside".to_owned())
        .spawn(move || {
            let _ = reply.send(job());
        })
        .map_err(|error| {
            let remedy = sys::lack_of_threads(&error).unwrap_or("no thread could be started");
            Error::new(ErrorKind::Host, "thread", format!("{error}: {remedy}"))
        })?;
    let died = |_| Error::new(ErrorKind::Host, "thread", "it died; please report it");
    answer.await.map_err(died)
}
