//! Who wants what, and what happens to it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use streambro_core::{
    Admission, Destination, ErrorKind, Limit, Phase, Repeat, Source, Stream, StreamManager, StreamSpec,
    Verdict,
};

use super::{Failure, table::Row};
use crate::receiver::{Receiver, StreamReport};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");

/// Streams of each user, and of all together.
const PER_USER: usize = 3;
const IN_ALL: usize = 8;

/// Who wants how many: alice more than a user may have, and all together more than there are places.
const WANTED: [(&str, usize); 3] = [("alice", 4), ("bob", 3), ("carol", 3)];

/// Its server dies and comes back.
const FRAIL: &str = "alice-2";
/// Its server refuses its key.
const WRONG_KEY: &str = "bob-2";
/// Its user stops it halfway.
const LEAVER: &str = "bob-3";

/// A manager, its users and their servers.
#[derive(Debug)]
pub struct Scene {
    manager: StreamManager,
    steady: Receiver,
    frail: Receiver,
    wishes: Vec<Wish>,
    /// How many starts each limit has refused.
    refused: BTreeMap<Limit, u32>,
    length: Duration,
    next: Act,
}

/// A stream that somebody wants.
#[derive(Debug)]
struct Wish {
    user: &'static str,
    id: String,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Started(Stream),
    Refused(Limit),
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A server dies.
    Die,
    /// It comes back, not before that time.
    ComeBack(Duration),
    /// A user stops a stream.
    Leave,
    /// Whoever found no place before asks again.
    AskAgain,
    Nothing,
}

impl Scene {
    /// Builds the manager and the servers; nobody wants anything yet.
    ///
    /// # Errors
    /// When a port or the manager's settings are refused.
    pub async fn new(queue: bool, length: Duration) -> Result<Self, Failure> {
        let admission = if queue { Admission::Queue { max_waiting: IN_ALL } } else { Admission::Reject };
        let manager = StreamManager::builder()
            .max_streams(IN_ALL)
            .max_streams_per_user(PER_USER)
            .admission(admission)
            // Often, so that the table has something to show; every 30 s is the default.
            .monitor_every(Duration::from_secs(1))
            .build()
            .await?;
        let (steady, frail) = (Receiver::start().await?, Receiver::start().await?);
        steady.refuse(key(WRONG_KEY));
        Ok(Self { manager, steady, frail, wishes: vec![], refused: BTreeMap::new(), length, next: Act::Die })
    }

    /// The manager that runs the streams.
    #[must_use]
    pub fn manager(&self) -> &StreamManager {
        &self.manager
    }

    /// What there is to see.
    #[must_use]
    pub fn plot(&self) -> String {
        format!(
            "3 users, {PER_USER} streams for each and {IN_ALL} in all. {FRAIL}: its server dies and comes back.\n\
             {WRONG_KEY}: a wrong key. {LEAVER}: stopped halfway. CPU is estimated, servers included."
        )
    }

    /// Lets every user start what they want. Returns what was said to those who may not.
    ///
    /// # Errors
    /// When something else than a limit is in the way.
    pub async fn open(&mut self) -> Result<Vec<String>, Failure> {
        let mut said = vec![];
        for (user, count) in WANTED {
            for n in 1..=count {
                let id = format!("{user}-{n}");
                let outcome = self.start(user, &id, &mut said).await?;
                self.wishes.push(Wish { user, id, outcome });
            }
        }
        Ok(said)
    }

    /// Lets happen what is due at `at`, counted from the begin. Returns it in words.
    ///
    /// # Errors
    /// When the server that died cannot come back, or something else than a limit is in the way of a start.
    pub async fn act(&mut self, at: Duration) -> Result<Vec<String>, Failure> {
        let mut said = vec![];
        match self.next {
            // Not before somebody is there to miss it.
            Act::Die if at >= self.length / 4 && self.phase_of(FRAIL) == Some(Phase::Live) => {
                self.frail.die().await?;
                said.push(format!("the server of {FRAIL} dies"));
                self.next = Act::ComeBack(at + self.length / 15);
            }
            Act::ComeBack(due) if at >= due => {
                self.frail.come_back().await?;
                said.push(format!("the server of {FRAIL} is back"));
                self.next = Act::Leave;
            }
            Act::Leave if at >= self.length / 2 => {
                self.manager.stop(LEAVER)?;
                said.push(format!("bob stops {LEAVER}"));
                self.next = Act::AskAgain;
            }
            Act::AskAgain if self.phase_of(LEAVER) == Some(Phase::Ended) => {
                for n in 0..self.wishes.len() {
                    if let Wish { user, id, outcome: Outcome::Refused(Limit::Streams) } = &self.wishes[n] {
                        let (user, id) = (*user, id.clone());
                        said.push(format!("{user} asks for {id} again"));
                        self.wishes[n].outcome = self.start(user, &id, &mut said).await?;
                    }
                }
                self.next = Act::Nothing;
            }
            _ => {}
        }
        Ok(said)
    }

    async fn start(&mut self, user: &str, id: &str, said: &mut Vec<String>) -> Result<Outcome, Failure> {
        let server = if id == FRAIL { &self.frail } else { &self.steady };
        let spec = StreamSpec::new(id, Source::file(CLIP).repeat(Repeat::Forever))
            .destination(Destination::new(&server.url(), key(id))?);
        let user = self.manager.as_user(user);
        match user.start(spec.clone()).await {
            Ok(stream) => Ok(Outcome::Started(stream)),
            Err(error) if error.kind == ErrorKind::LimitReached => {
                // The error has it in words; a dry run has it as data.
                let Verdict::Refuse { limit, .. } = user.explain(&spec).await?.verdict else {
                    return Err(error.into());
                };
                said.push(format!("{id} is refused: {}", error.detail));
                *self.refused.entry(limit).or_default() += 1;
                Ok(Outcome::Refused(limit))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn phase_of(&self, id: &str) -> Option<Phase> {
        self.manager.status(id).ok().map(|status| status.phase)
    }

    /// Everything that was wanted, as it is now.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.wishes.iter().map(Wish::row).collect()
    }

    /// The places and refusals, in a line.
    #[must_use]
    pub fn sum(&self, rows: &[Row]) -> String {
        let taken = rows.iter().filter(|row| !["refused", "queued", "ended"].contains(&row.phase)).count();
        let refused: Vec<_> = self
            .refused
            .iter()
            .map(|(limit, count)| format!(", {count} refused by {}", limit.name()))
            .collect();
        format!("{taken} of {IN_ALL} places taken{}", refused.concat())
    }

    /// All of it as data.
    #[must_use]
    pub fn summary(&self, rows: &[Row]) -> Value {
        json!({
            "ok": self.is_well(rows),
            "streams": rows,
            "refused": self.refused,
        })
    }

    /// Whether nobody suffered but those who had to, and the servers understood everything.
    #[must_use]
    pub fn is_well(&self, rows: &[Row]) -> bool {
        let suffers = |row: &Row| {
            row.reconnects > 0 || (row.reason.is_some() && row.phase != "refused" && row.phase != "queued")
        };
        let unhurt = rows
            .iter()
            .filter(|row| ![FRAIL, WRONG_KEY, LEAVER].contains(&&*row.id))
            .all(|row| !suffers(row));
        let whole = |stream: &StreamReport| stream.video.backwards + stream.audio.backwards == 0;
        let understood = |receiver: &Receiver| {
            let report = receiver.report();
            report.protocol_errors == 0 && report.streams.iter().all(whole)
        };
        unhurt && understood(&self.steady) && understood(&self.frail)
    }
}

impl Wish {
    fn row(&self) -> Row {
        let mut row = Row {
            user: self.user,
            id: self.id.clone(),
            phase: "refused",
            reason: None,
            media_ms: 0,
            bytes: 0,
            reconnects: 0,
            usage: None,
        };
        match &self.outcome {
            Outcome::Refused(limit) => row.reason = Some(limit.name()),
            Outcome::Started(stream) => {
                let status = stream.status();
                row.phase = status.phase.name();
                row.reason = status.reason.map(|reason| reason.name());
                (row.media_ms, row.bytes, row.usage) = (status.media_ms, status.bytes, status.usage);
                row.reconnects = status.legs.iter().map(|leg| leg.reconnects).sum();
            }
        }
        row
    }
}

/// The key of a stream: its server's affair, and nobody else's.
fn key(id: &str) -> String {
    format!("key-of-{id}")
}
