//! Compares the books of both sides.

use streambro_core::StreamStatus;

use super::{due::Due, sink::Received};

/// Faults that are told; a broken run has thousands.
const TOLD: usize = 10;

/// The sum of all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Frames that were due.
    pub due: u64,
    /// Frames handed to the sockets.
    pub sent: u64,
    /// Frames that the sink got.
    pub received: u64,
    /// What is wrong, in words.
    pub faults: Vec<String>,
}

impl Audit {
    /// Adds a stream that had one connection: due, sent and received are the same.
    pub fn unbroken(&mut self, status: &StreamStatus, got: &Received, due: &Due) {
        let leg = &status.legs[0];
        let until = |times, last: Option<u32>| last.map_or(0, |last| Due::until(times, last));
        let due = until(&due.video, got.last_video_ms) + until(&due.audio, got.last_audio_ms);
        let frames = got.video + got.audio;
        self.due += due;
        self.sent += leg.packets;
        self.received += frames;
        if due != leg.packets || leg.packets != frames {
            self.fault(status, format!("{due} frames due, {} sent, {frames} received", leg.packets));
        }
        if leg.bytes != got.bytes {
            self.fault(status, format!("{} bytes sent, {} received", leg.bytes, got.bytes));
        }
        if got.publishes != 1 || got.backwards != 0 || leg.skips != 0 {
            let (publishes, backwards, skips) = (got.publishes, got.backwards, leg.skips);
            self.fault(status, format!("{publishes} publishes, {backwards} time stamps back, {skips} skips"));
        }
        // The end of the stream is at most a second of media behind its clock.
        if u64::from(got.last_video_ms.unwrap_or(0)) + 1_000 < status.media_ms {
            let what = format!("the clock is at {} ms, the sink at {:?}", status.media_ms, got.last_video_ms);
            self.fault(status, what);
        }
    }

    /// Adds a stream whose server went away once.
    ///
    /// What was due cannot be told from outside: what was under way when the connection broke is lost, and the next one
    /// begins with the keyframe before. So: published twice, nothing received that was not sent, and within a
    /// connection no time stamp that does not grow.
    pub fn reconnected(&mut self, status: &StreamStatus, got: &Received) {
        let leg = &status.legs[0];
        let frames = got.video + got.audio;
        self.sent += leg.packets;
        self.received += frames;
        if got.publishes != 2 || got.backwards != 0 {
            let (publishes, backwards) = (got.publishes, got.backwards);
            self.fault(status, format!("{publishes} publishes (2 are due), {backwards} time stamps back"));
        }
        if frames > leg.packets || got.bytes > leg.bytes {
            self.fault(status, format!("{} frames sent, {frames} received", leg.packets));
        }
    }

    /// Notes a fault of the whole run.
    pub fn run_fault(&mut self, what: String) {
        if self.faults.len() < TOLD {
            self.faults.push(what);
        }
    }

    fn fault(&mut self, status: &StreamStatus, what: String) {
        self.run_fault(format!("{}: {what}", status.id));
    }
}
