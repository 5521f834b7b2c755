//! What is: phases, reasons and figures, as data.

mod lateness;

use serde::Serialize;

pub use lateness::Lateness;
pub(crate) use lateness::LatenessCounter;

use crate::spec::StreamId;

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// It waits for its time.
    Scheduled,
    /// It waits for a place.
    Queued,
    /// Its source is being opened.
    Preparing,
    /// It connects for the first time.
    Starting,
    /// Every destination is on the air: publishing was accepted, the first keyframe was acknowledged by the peer's
    /// TCP, and the connection was still open a second later. RTMP itself acknowledges nothing.
    Live,
    /// It is on the air, but lags, or some destinations are not.
    Degraded,
    /// It is on the air with a picture that stands still, because the source has none.
    Holding,
    /// No destination is on the air; it connects again.
    Reconnecting,
    /// It says goodbye.
    Stopping,
    /// It is over; the reason says why.
    Ended,
}

impl Phase {
    /// Whether a viewer sees something.
    pub fn is_on_air(self) -> bool {
        matches!(self, Self::Live | Self::Degraded | Self::Holding)
    }
}

/// Where one destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LegPhase {
    /// It resolves, connects and shakes hands.
    Connecting,
    /// Publishing was accepted; media flows, but is not yet known to arrive.
    Publishing,
    /// See [`Phase::Live`].
    Live,
    /// Live, but behind by more than two seconds.
    Lagging,
    /// It waits for the next attempt.
    Waiting,
    /// It is over.
    Ended,
}

/// Why something is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Somebody called `stop`.
    Stopped,
    /// The source has played as often as it was asked to.
    Finished,
    /// The manager shut down.
    ShutDown,
    /// The host's name could not be resolved. Check the URL and the resolver.
    Unresolved,
    /// The destination policy does not allow the address.
    NotAllowed,
    /// No TCP connection came about. Check host, port and firewall.
    Unreachable,
    /// TLS failed: the certificate is not valid for the host, or the peer does not speak TLS.
    TlsFailed,
    /// The peer did not finish the handshake in time.
    HandshakeTimeout,
    /// The peer broke the RTMP protocol.
    ProtocolError,
    /// The server refused the key. Check the key; retried slowly.
    BadKey,
    /// The server says that the key is in use; right after a drop it still holds the old connection.
    AlreadyPublishing,
    /// The server wants a login, which streambro cannot do; use a key or a token. Retried slowly.
    AuthRequired,
    /// The server does not know the application. Check the URL's path; retried slowly.
    BadApp,
    /// The server refused for another reason; the detail has its words.
    Refused,
    /// The connection closed when publishing was asked for, or within a second of it: usually a wrong key. Check the
    /// key; retried slowly.
    RejectedEarly,
    /// The peer accepted no byte for 15 s.
    Stalled,
    /// The peer closed or reset the connection.
    PeerClosed,
    /// The network failed.
    NetworkFailed,
    /// A planned reconnect before a limit of the protocol: time stamps or TLS records.
    Rotated,
    /// The server asked for a reconnect.
    ReconnectRequested,
    /// The file ended before its own tables say, or was cut while it played.
    SourceTruncated,
    /// The file could not be read: the disk failed or did not answer. Tried again.
    SourceUnreadable,
    /// The file breaks the rules of its format.
    SourceInvalid,
    /// Media lags or some destinations are not on the air.
    Behind,
    /// A bug in streambro: a task died. Please report it.
    Internal,
}

/// A stream as it was at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamStatus {
    /// Its name.
    pub id: StreamId,
    /// Its user, if it was given one.
    pub user: Option<String>,
    /// Where it is in its life.
    pub phase: Phase,
    /// Why, where that is not obvious.
    pub reason: Option<Reason>,
    /// The same in words, with what the system or the server said. Never a key.
    pub detail: String,
    /// How far the stream's clock is, in milliseconds of media since the start; it stands while no one is connected.
    pub media_ms: u64,
    /// How often the source has begun again.
    pub laps: u64,
    /// Silent audio frames inserted where the source has none.
    pub silent_frames: u64,
    /// Audio frames left out at joints.
    pub trimmed_frames: u64,
    /// Bytes handed to all sockets, protocol overhead included, TLS not.
    pub bytes: u64,
    /// When it started, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Its destinations in the order of the spec.
    pub legs: Vec<LegStatus>,
}

/// One destination of a stream as it was at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LegStatus {
    /// What may be shown of the URL.
    pub destination: String,
    /// Where it is.
    pub phase: LegPhase,
    /// Why the last connection ended or the last attempt failed; `None` before that and once live again.
    pub reason: Option<Reason>,
    /// The same in words. Never a key.
    pub detail: String,
    /// Connection attempts since the start.
    pub attempts: u64,
    /// Times it went live again after having been live.
    pub reconnects: u64,
    /// Bytes handed to the socket since the start, protocol overhead included, TLS not.
    pub bytes: u64,
    /// Bytes the peer's TCP has acknowledged on this connection, TLS included. Sampled about once a second.
    pub acked_bytes: u64,
    /// Media messages handed over since the start.
    pub packets: u64,
    /// How late the latest packet was handed over, in milliseconds; 0 when early.
    pub late_ms: u64,
    /// The latest a packet of this connection ever was, in milliseconds.
    pub max_late_ms: u64,
    /// How punctual the packets of this connection were.
    pub lateness: Lateness,
    /// Times that lag was given up: the clock moved, or content was skipped to a keyframe.
    pub skips: u64,
}
