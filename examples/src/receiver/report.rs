//! What a receiver has counted.

use serde::Serialize;

/// What a receiver has got so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReceiverReport {
    /// TCP connections accepted.
    pub connections: u64,
    /// Connections that ended with a protocol error.
    pub protocol_errors: u64,
    /// Publishes that were refused because of their key.
    pub refused: u64,
    /// One entry for each stream key, in the order of their first publish. The keys themselves are not told.
    pub streams: Vec<StreamReport>,
}

/// What came on one stream key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Publishes, the first one included.
    pub publishes: u64,
    /// Publishes after the first.
    pub reconnects: u64,
    /// Whether a publisher is there now.
    pub live: bool,
    /// Metadata messages.
    pub metadata: u64,
    /// The video track.
    pub video: TrackReport,
    /// The audio track.
    pub audio: TrackReport,
}

/// What came on one track.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrackReport {
    /// Messages, sequence headers included.
    pub messages: u64,
    /// AVC or AAC sequence headers.
    pub headers: u64,
    /// Video keyframes; always 0 for audio.
    pub keyframes: u64,
    /// Message payload in bytes.
    pub bytes: u64,
    /// Timestamp of the first message in milliseconds.
    pub first_ms: Option<u32>,
    /// Timestamp of the last message in milliseconds.
    pub last_ms: Option<u32>,
    /// Messages whose timestamp is below that of the one before, within one publish.
    pub backwards: u64,
    /// The longest step from one message to the next within one publish, in milliseconds.
    pub longest_step_ms: u32,
}

impl TrackReport {
    /// Counts a message. `previous` is the timestamp of the one before on the same publish.
    pub(super) fn count(&mut self, data: &[u8], timestamp: u32, previous: &mut Option<u32>) {
        self.messages += 1;
        self.bytes += data.len() as u64;
        self.first_ms = self.first_ms.or(Some(timestamp));
        self.last_ms = Some(timestamp);
        if data.len() > 1 && data[1] == 0 {
            self.headers += 1;
        }
        if let Some(before) = previous.replace(timestamp) {
            // RTMP timestamps wrap: half the circle ahead is later, the other half is earlier.
            let step = timestamp.wrapping_sub(before);
            if step > u32::MAX / 2 {
                self.backwards += 1;
            } else {
                self.longest_step_ms = self.longest_step_ms.max(step);
            }
        }
    }
}
