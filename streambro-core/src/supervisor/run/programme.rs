//! What a playlist needs beside its legs: somebody who opens what comes next, and tells what became of what played.

use std::{future::pending, sync::Arc};

use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::Run;
use crate::{
    error::{Error, ErrorKind},
    event::{Bus, EventKind},
    journal::{Entry, What},
    source::{Opener, Roll, Rolls},
    status::{AsRun, ItemEnd, Reason},
};

/// The programme of a stream with playlists.
pub(super) struct Programme {
    rolls: Rolls,
    /// What opens the next items.
    _opening: Vec<AbortOnDropHandle<()>>,
}

impl Programme {
    pub(super) fn new(rolls: &Rolls, opener: &Arc<dyn Opener>) -> Self {
        let open = |roll: &Arc<Roll>| tokio::spawn(keep_open(Arc::clone(roll), Arc::clone(opener)));
        let opening = rolls.each().map(|roll| AbortOnDropHandle::new(open(roll))).collect();
        Self { rolls: rolls.clone(), _opening: opening }
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

/// Keeps what comes next open, whatever that is at the moment.
async fn keep_open(roll: Arc<Roll>, opener: Arc<dyn Opener>) {
    loop {
        let (wanted, patience) = roll.wanted().await;
        let open = async {
            sleep(patience).await;
            opener.open(&wanted, roll.format()).await
        };
        let opened = tokio::select! {
            biased;
            opened = open => opened,
            () = roll.wants_other(&wanted) => continue,
        };
        match opened {
            Ok(clip) => roll.offer(wanted, clip),
            Err(error) => roll.refuse(&wanted, reason(&error), &error.to_string()),
        }
    }
}

fn reason(error: &Error) -> Reason {
    match error.kind {
        ErrorKind::SourceInvalid | ErrorKind::SourceUnsupported => Reason::SourceInvalid,
        ErrorKind::EncoderUnavailable => Reason::EncoderUnavailable,
        ErrorKind::EncoderFailed => Reason::EncoderFailed,
        ErrorKind::Host => Reason::Host,
        _ => Reason::SourceUnreadable,
    }
}
