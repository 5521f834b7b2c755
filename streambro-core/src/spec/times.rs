//! The time table: every wait of the library, in one place.

use std::time::Duration;

/// How long streambro waits for what. One table for the whole library (DESIGN 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Name resolution and TCP together.
    pub connect: Duration,
    /// TLS and RTMP together, until publishing is accepted.
    pub handshake: Duration,
    /// Without a byte accepted by the peer, a connection that has something to send is stalled; with less than a tenth
    /// of the media's rate as well, when the socket was full all the time.
    pub no_progress: Duration,
    /// Unacknowledged data older than this ends the connection (TCP_USER_TIMEOUT).
    pub tcp_user: Duration,
    /// How long a connection must stay open after the first keyframe before it counts as live. A server that refuses
    /// a key often accepts it first and closes at once.
    pub settle: Duration,
    /// How often due media is handed over. Under the 200 ms after which an idle sender's window is reset.
    pub tick: Duration,
    /// How long an orderly end of a connection may take.
    pub goodbye: Duration,
    /// How long a file may take to be opened and surveyed.
    pub survey: Duration,
    /// How long ffmpeg may take to its first picture: it seeks, and decodes what lies before.
    pub encoder_start: Duration,
    /// How long ffmpeg may make nothing while there is room for it. Less than is on the tape, so that another one is at work
    /// before viewers notice.
    pub encoder_stall: Duration,
    /// How long ffmpeg may take to end by itself when it is asked to.
    pub encoder_stop: Duration,
    /// The first delay before a reconnect; each further one is three times as long, up to `backoff_max`. YouTube ends a
    /// broadcast that stays away.
    pub backoff_first: Duration,
    /// The longest delay before a reconnect.
    pub backoff_max: Duration,
    /// The delay after a refusal that only a human can mend, such as a wrong key. As long after a drop, a refusal of the
    /// key that worked is put down to the old connection, which the server still holds.
    pub backoff_refused: Duration,
    /// A connection that was live this long starts the backoff afresh, and a sixth of it makes up for one failure.
    pub backoff_reset: Duration,
    /// Time stamps restart, by a planned reconnect at a joint, before they reach 2^31 ms (24.8 days): FLV's are signed.
    pub rotate_at_joint: Duration,
    /// As `rotate_at_joint`, at any keyframe, for items without a joint in time.
    pub rotate_at_key: Duration,
    /// Lag beyond this is not caught up: the clock moves (one destination) or content is skipped (several).
    pub give_up_lag: Duration,
    /// Milliseconds of media in a millisecond. Always 1 but in tests, which have not the time for a thousand laps.
    pub warp: u32,
}

impl Times {
    /// How much media goes by in so much time, in milliseconds.
    pub(crate) fn media_ms(&self, passed: Duration) -> u64 {
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_mul(self.warp.into())
    }
}

impl Default for Times {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            no_progress: Duration::from_secs(15),
            tcp_user: Duration::from_secs(15),
            settle: Duration::from_secs(1),
            tick: Duration::from_millis(100),
            goodbye: Duration::from_secs(5),
            survey: Duration::from_secs(30),
            encoder_start: Duration::from_secs(30),
            encoder_stall: Duration::from_secs(6),
            encoder_stop: Duration::from_secs(5),
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(60),
            backoff_refused: Duration::from_secs(60),
            backoff_reset: Duration::from_secs(60 * 60),
            rotate_at_joint: Duration::from_secs(20 * DAY),
            rotate_at_key: Duration::from_secs(24 * DAY),
            give_up_lag: Duration::from_secs(10),
            warp: 1,
        }
    }
}
