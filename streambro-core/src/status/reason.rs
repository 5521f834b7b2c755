//! Why something is as it is: one table, from which code, JSON and `docs/reasons.md` take what they need.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $reason:ident = $name:literal, $remedy:literal;)*) => {
        /// Why something is as it is.
        ///
        /// Each has a [`meaning`](Self::meaning) and a [`remedy`](Self::remedy); `docs/reasons.md` has them in one table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $meaning])+ #[doc = ""] #[doc = $remedy] $reason,)*
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$reason),*];

            /// Returns the name that JSON, C, Python and the documentation use. It never changes.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }

            /// Returns what it means, in a sentence or two.
            pub fn meaning(self) -> &'static str {
                match self {
                    // Each line of a comment begins with the space that belongs between two of them.
                    $(Self::$reason => concat!($($meaning),+).trim_ascii(),)*
                }
            }

            /// Returns what a user should do about it, and what streambro does meanwhile.
            pub fn remedy(self) -> &'static str {
                match self {
                    $(Self::$reason => $remedy,)*
                }
            }
        }
    };
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

reasons! {
    /// Somebody called `stop`, or `replace` put another run in its place.
    Stopped = "stopped", "Nothing: it is what was asked for.";
    /// The source has played as often as it was asked to.
    Finished = "finished", "Nothing. To play for ever, let it `repeat` `forever`.";
    /// The manager shut down.
    ShutDown = "shut_down",
        "Nothing if you shut it down. If not, the last handle of the manager or its runtime was dropped: keep both for as \
         long as streams shall run.";
    /// Its time is over, as its schedule says.
    ScheduleEnded = "schedule_ended",
        "Nothing: it is back at its next window. To let it go on, `extend` it or drop its end with `clear_end`.";
    /// It could not be started: `start` returned an error or was given up, or a planned start went wrong.
    StartFailed = "start_failed",
        "Do what the error says: that `start` returned, or the detail and the event `start_failed` show. A planned start is \
         tried again with growing delays, a minute at the most, until its time is over.";
    /// Its stream key was not kept over a restart.
    KeyMissing = "key_missing",
        "Start it, or schedule it, once more with the same spec and its key: it goes on where it was. To have keys kept, \
         bring a `KeyProvider` that seals them, or let them be kept in clear text.";
    /// The destination was disabled, or removed, while the stream goes on.
    Disabled = "disabled", "Nothing: it is what was asked for. To have it on the air again, enable or add it.";
    /// The host's name could not be resolved.
    Unresolved = "unresolved",
        "Check the host in the URL, then this machine's DNS. Tried again with growing delays.";
    /// The destination policy allows none of the host's addresses.
    NotAllowed = "not_allowed",
        "Choose another destination, or allow this one with the setting `destinations`. Tried again slowly, because names \
         move.";
    /// No TCP connection came about: it was refused, or nobody answered within 10 s.
    Unreachable = "unreachable",
        "Check host and port in the URL, and that no firewall is in between. Tried again with growing delays.";
    /// TLS failed: the certificate is not valid for the host, or the peer does not speak TLS.
    TlsFailed = "tls_failed",
        "Check what the detail names: the host in the URL, a port that speaks no TLS, this machine's clock or its CA \
         certificates; trust a server of your own with `Destination::trust`. Tried again slowly.";
    /// The peer did not finish the TLS or RTMP handshake, up to accepting the stream, within 10 s.
    HandshakeTimeout = "handshake_timeout",
        "Check that the port is one for RTMP, or for RTMPS where the URL says so; if it is, the server is overloaded. Tried \
         again with growing delays.";
    /// The peer broke the RTMP protocol.
    ProtocolError = "protocol_error",
        "Check that host and port belong to an RTMP server; if they do, please report it with the detail. Tried again \
         with growing delays.";
    /// The server refused the key.
    BadKey = "bad_key",
        "Copy the stream key again from the platform's page, see that the broadcast there is still open, and `replace` \
         the stream. Tried again slowly; sooner right after a drop, when the old connection may still hold the key.";
    /// The server says that the key is in use.
    AlreadyPublishing = "already_publishing",
        "Right after a drop wait: the server still holds the old connection. If it stays, another program uses the key: \
         end that one, or use another key. Tried again with growing delays.";
    /// The server wants a login, which streambro cannot do.
    AuthRequired = "auth_required",
        "Ask whether the server takes a key or a token instead; a token such as `?auth=abc` is written behind the key, as \
         a part of it. Tried again slowly.";
    /// The server does not know the application.
    BadApp = "bad_app",
        "Check the path of the URL: it ends with the application, such as `/live2`, and holds no key. Tried again slowly.";
    /// The server refused for another reason; the detail has its words.
    Refused = "refused", "Read the detail, and ask who runs the server. Tried again with growing delays.";
    /// The connection closed when publishing was asked for, or right after it: usually a wrong key.
    RejectedEarly = "rejected_early",
        "Check the key, see that the platform expects a broadcast now, and `replace` the stream. Tried again slowly.";
    /// The peer accepted no byte for 15 s, or less than a tenth of the media for 30 s.
    Stalled = "stalled",
        "If it comes again, the line is too slow or loses packets: check the upload rate against the file's bitrate. \
         Tried again with growing delays, at the same place in the film.";
    /// The peer closed or reset the connection.
    PeerClosed = "peer_closed",
        "Nothing if it is rare: servers restart. If it comes again, ask the platform's page why; if it never goes live, \
         check port and path of the URL. Tried again with growing delays, at the same place in the film.";
    /// The network failed.
    NetworkFailed = "network_failed",
        "Read the detail and check this machine's network. Tried again with growing delays, at the same place in the \
         film.";
    /// A planned reconnect: before a limit of the protocol (time stamps after 20 days, or TLS records), by the destination's
    /// `Rotation`, or by hand.
    Rotated = "rotated", "Nothing: it is back within seconds, or after the pause of its `Rotation`.";
    /// The server asked for a reconnect.
    ReconnectRequested = "reconnect_requested",
        "Nothing: servers do this before they are serviced. It is back within seconds.";
    /// The file ended before its own tables say, or was cut while it played.
    SourceTruncated = "source_truncated",
        "Bring the whole file. A stream that plays it for ever shows its last picture until then, and a playlist goes on; \
         any other has ended: start it again. Put files into place by renaming them, never by writing over one that plays.";
    /// Nothing follows in the playlist, and the stream waits for more.
    ListEnded = "list_ended", "Add an item to the playlist; until then the picture stands still.";
    /// The file could not be read: the disk failed, or did not answer for 15 s.
    SourceUnreadable = "source_unreadable",
        "Read the detail; check the disk or the network file system. Tried again with growing delays; meanwhile a stream \
         that plays it for ever shows its last picture, and a playlist goes on.";
    /// The file breaks the rules of its format.
    SourceInvalid = "source_invalid",
        "Make the file anew, for instance with `ffmpeg -i in.mp4 -c copy out.mp4`. A stream that plays it for ever shows its \
         last picture until then, and a playlist goes on; any other has ended: start it again.";
    /// Its ffmpeg died, stood still or ended too early.
    EncoderFailed = "encoder_failed",
        "Read the detail and the stream's log, which has ffmpeg's last words. It is started again with growing delays, \
         where it was in the film; meanwhile the picture stands still. A stream that never had a picture ends.";
    /// There is no ffmpeg, or none of the encoders that the stream may use works here.
    EncoderUnavailable = "encoder_unavailable",
        "Do what the detail says: install ffmpeg, or choose another encoder; `encoders` lists what works \
         here. Then start the stream again.";
    /// Its ffmpeg makes less than a second of media in a second: the picture stands still now and then.
    EncoderSlow = "encoder_slow",
        "Choose a faster preset, a smaller picture, a lower frame rate or a hardware encoder, or stop other streams.";
    /// The destination failed as often as the stream's `Retry` allows.
    RetriesExhausted = "retries_exhausted",
        "Mend what the detail says, which has the last failure's words, and start the stream again, or allow more with \
         `Retry`. Other destinations of the stream go on.";
    /// The host lacks something: file descriptors, threads or memory.
    Host = "host", "Do what the detail says; `doctor` looks for the rest. Tried again with growing delays.";
    /// It is on the air, but a destination lags by more than two seconds.
    Behind = "behind",
        "Nothing if it passes: it catches up by itself. If it stays, the line is slower than the file's bitrate: look at \
         the legs in the stream's status, and take a smaller file.";
    /// It used more processor time or memory than the alerts allow, and the manager was told to restart or to stop it
    /// then.
    OverLimit = "over_limit",
        "Look at its `usage`, and for what it shares the machine with; or raise the thresholds with the setting `alerts`.";
    /// It waits for a place: a limit of the manager is in the way; the detail says which.
    LimitReached = "limit_reached", "Wait, stop another stream, or raise the limit.";
    /// A bug in streambro: a task died.
    Internal = "internal", "Please report it with the log. The stream has ended; start it again.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json_and_differ() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn every_reason_says_in_sentences_what_it_means_and_what_to_do() {
        for reason in Reason::ALL {
            for text in [reason.meaning(), reason.remedy()] {
                let first = text.chars().next().unwrap();
                assert!(first.is_uppercase() && text.ends_with('.'), "{reason}: {text:?}");
                assert!(!text.contains("  ") && !text.contains(['\n', '|']), "{reason}: {text:?}");
            }
        }
    }
}
