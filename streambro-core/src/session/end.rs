//! How a leg ended, as data.

use std::io;

use crate::{
    media::error::MediaError,
    publish::{DialError, TransmitError},
    rtmp::{
        refusal::{Refusal, RefusalKind},
        session::Fault,
    },
    status::Reason,
};

/// How one connection of a leg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegEnd {
    /// Why.
    pub reason: Reason,
    /// The same in words. Never a key.
    pub detail: String,
}

impl LegEnd {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// What a failed read or write of the connection means.
    pub(crate) fn network(error: &io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof, WriteZero,
        };
        match error.kind() {
            // TCP_USER_TIMEOUT or keepalive: the peer's host is gone.
            TimedOut => Self::new(Reason::Stalled, "the peer's host acknowledged nothing for too long"),
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof | WriteZero => {
                Self::new(Reason::PeerClosed, error.to_string())
            }
            _ => Self::new(Reason::NetworkFailed, error.to_string()),
        }
    }
}

impl From<DialError> for LegEnd {
    fn from(error: DialError) -> Self {
        let reason = match error {
            DialError::Unresolved(..) => Reason::Unresolved,
            DialError::NotAllowed(_) => Reason::NotAllowed,
            DialError::Host(..) => Reason::Host,
            DialError::Unreachable(..) | DialError::Late(_) => Reason::Unreachable,
            #[cfg(feature = "tls")]
            DialError::Tls(_) => Reason::TlsFailed,
            #[cfg(feature = "tls")]
            DialError::TlsCut(_) => Reason::PeerClosed,
            #[cfg(feature = "tls")]
            DialError::TlsLate(_) => Reason::HandshakeTimeout,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<Fault> for LegEnd {
    fn from(fault: Fault) -> Self {
        let reason = match fault {
            Fault::Closed(_) => Reason::PeerClosed,
            _ => Reason::ProtocolError,
        };
        Self::new(reason, fault.to_string())
    }
}

impl From<Refusal> for LegEnd {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal.kind {
            RefusalKind::BadKey => Reason::BadKey,
            RefusalKind::AlreadyPublishing => Reason::AlreadyPublishing,
            RefusalKind::Auth => Reason::AuthRequired,
            RefusalKind::App => Reason::BadApp,
            RefusalKind::Other => Reason::Refused,
        };
        Self::new(reason, refusal.to_string())
    }
}

impl From<MediaError> for LegEnd {
    fn from(error: MediaError) -> Self {
        let reason = match &error {
            MediaError::Truncated { .. } => Reason::SourceTruncated,
            MediaError::Io(io) if io.kind() == io::ErrorKind::UnexpectedEof => Reason::SourceTruncated,
            MediaError::Io(_) => Reason::SourceUnreadable,
            _ => Reason::SourceInvalid,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<TransmitError> for LegEnd {
    fn from(error: TransmitError) -> Self {
        match error {
            // A tape keeps what comes for everyone else: who is that slow begins again with what there is.
            TransmitError::Source(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::new(Reason::Stalled, error.to_string())
            }
            TransmitError::Source(error) => MediaError::Io(error).into(),
            TransmitError::Link(error) => Self::network(&error),
        }
    }
}
