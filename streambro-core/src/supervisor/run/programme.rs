//! What a playlist needs beside its legs: somebody who opens what comes next, and tells what became of what played.

use std::{future::pending, sync::Arc};

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{Run, Services, stage::Stage};
use crate::{
    error::{Error, ErrorKind},
    event::{Bus, EventKind},
    journal::{Entry, What},
    source::{Roll, Rolls},
    status::{AsRun, ItemEnd, Reason},
};

/// The programme of a stream with playlists.
pub(super) struct Programme {
    rolls: Rolls,
    /// What opens the next items.
    _opening: Vec<AbortOnDropHandle<()>>,
}

impl Programme {
    pub(super) fn new(rolls: &Rolls, run: &Arc<Run>, services: &Arc<Services>) -> Self {
        let open = |roll: &Arc<Roll>| {
            let stage = Stage {
                roll: Arc::clone(roll),
                run: Arc::clone(run),
                services: Arc::clone(services),
                making: None,
            };
            AbortOnDropHandle::new(tokio::spawn(services.tasks.track_future(stage.keep_open())))
        };
        let opening = rolls.each().map(open).collect();
        Self { rolls: rolls.clone(), _opening: opening }
    }

    /// The stream has ended, and its playlists with it.
    pub(super) fn close(&self, run: &Run, bus: &Bus) {
        let at_ms = run.playhead.media_ms(Instant::now());
        self.rolls.each().for_each(|roll| roll.close(at_ms));
        self.tell(run, bus);
    }

    /// Whether there is something to send.
    pub(super) fn has_begun(&self) -> bool {
        self.rolls.each().all(|roll| roll.has_begun())
    }

    /// Whether nothing will ever begin.
    pub(super) fn is_over(&self) -> bool {
        self.rolls.picture.is_over()
    }

    /// Waits until there is something to tell. Returns why what comes next is not there, if it is not. Cancel safe.
    pub(super) async fn tells(&self) -> Option<(Reason, String)> {
        let heard = async {
            match &self.rolls.sound {
                Some(sound) => sound.tells().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = self.rolls.picture.tells() => {}
            () = heard => {}
        }
        self.rolls.picture.trouble()
    }

    /// Tells what has begun, ended and failed since the last time.
    pub(super) fn tell(&self, run: &Run, bus: &Bus) {
        for record in self.rolls.each().flat_map(|roll| roll.take_told()) {
            if let Some((reason, words)) = words(&record) {
                run.note(&run.span, Entry::new(What::Item(reason), &words));
            }
            run.tell(EventKind::Item { run: record }, bus);
        }
    }
}

/// What the log says of an item: when it begins, and when it fails.
fn words(record: &AsRun) -> Option<(Option<Reason>, String)> {
    let AsRun { item, file, .. } = record;
    match &record.end {
        None => Some((None, format!("{item} begins: {}", file.display()))),
        Some(ItemEnd::Failed { reason, detail }) => Some((Some(*reason), format!("{item} failed: {detail}"))),
        Some(_) => None,
    }
}

pub(super) fn reason(error: &Error) -> Reason {
    match error.kind {
        ErrorKind::SourceInvalid | ErrorKind::SourceUnsupported => Reason::SourceInvalid,
        ErrorKind::EncoderUnavailable => Reason::EncoderUnavailable,
        ErrorKind::EncoderFailed => Reason::EncoderFailed,
        ErrorKind::Host => Reason::Host,
        _ => Reason::SourceUnreadable,
    }
}
