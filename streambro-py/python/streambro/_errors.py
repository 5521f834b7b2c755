"""What can go wrong, each with its class, which is also the built-in that a caller would guess."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AlreadyExistsError",
    "ClosedError",
    "ConflictError",
    "EncoderFailedError",
    "EncoderUnavailableError",
    "EndedError",
    "ForkedError",
    "HostError",
    "InvalidArgumentError",
    "InvalidSpecError",
    "LimitReachedError",
    "NotAllowedError",
    "NotFoundError",
    "OverlapError",
    "PanickedError",
    "SourceInvalidError",
    "SourceUnreadableError",
    "SourceUnsupportedError",
    "StateInUseError",
    "StateInvalidError",
    "StreambroError",
    "TimedOutError",
]


class StreambroError(Exception):
    """Something that streambro could not do.

    `kind` and `code` say what it is, in words and as the number that C has; `subject` what it happened to, such as a stream's
    id, and `detail` what to do about it. None of them ever has a stream key in it.
    """

    kind: ClassVar[str] = "unknown"
    code: ClassVar[int] = 0

    def __init__(self, subject: str, detail: str) -> None:
        """Says what it happened to, and what to do about it."""
        super().__init__(f"{subject}: {detail}")
        self.subject = subject
        self.detail = detail

    def __reduce__(self) -> tuple[type[StreambroError], tuple[str, str], dict[str, object]]:
        """Lets it be pickled, with its notes."""
        return (type(self), (self.subject, self.detail), vars(self))


class InvalidSpecError(StreambroError, ValueError):
    """A setting is missing, malformed or contradicts another."""

    kind = "invalid_spec"
    code = 100


class AlreadyExistsError(StreambroError, ValueError):
    """Another stream with another spec has this id."""

    kind = "already_exists"
    code = 101


class NotFoundError(StreambroError, LookupError):
    """No stream has this id."""

    kind = "not_found"
    code = 102


class NotAllowedError(StreambroError, PermissionError):
    """A path or destination is outside what the host allows."""

    kind = "not_allowed"
    code = 103


class ConflictError(StreambroError, RuntimeError):
    """Somebody else has changed it meanwhile: look at it again, then change it."""

    kind = "conflict"
    code = 104


class OverlapError(StreambroError, ValueError):
    """Two streams would send to one destination at the same time."""

    kind = "overlap"
    code = 105


class InvalidArgumentError(StreambroError, ValueError):
    """The program that calls made a mistake."""

    kind = "invalid_argument"
    code = 106


class SourceUnreadableError(StreambroError, OSError):
    """The source cannot be opened or read."""

    kind = "source_unreadable"
    code = 110


class SourceInvalidError(StreambroError, ValueError):
    """The source breaks the rules of its format."""

    kind = "source_invalid"
    code = 111


class SourceUnsupportedError(StreambroError, ValueError):
    """The source is sound but cannot be copied natively."""

    kind = "source_unsupported"
    code = 112


class EncoderUnavailableError(StreambroError, RuntimeError):
    """There is no ffmpeg, or none of the encoders that were asked for works here."""

    kind = "encoder_unavailable"
    code = 113


class EncoderFailedError(StreambroError, RuntimeError):
    """What ffmpeg was asked for it could not make."""

    kind = "encoder_failed"
    code = 114


class StateInvalidError(StreambroError, RuntimeError):
    """What is kept in the state directory is damaged, of another program or of a newer streambro. It was left as it is."""

    kind = "state_invalid"
    code = 120


class StateInUseError(StreambroError, RuntimeError):
    """Another manager, of this process or another, uses the state directory."""

    kind = "state_in_use"
    code = 121


class LimitReachedError(StreambroError, RuntimeError):
    """A limit of the manager is reached."""

    kind = "limit_reached"
    code = 200


class ClosedError(StreambroError, RuntimeError):
    """The manager is not open, shutting down or gone."""

    kind = "closed"
    code = 300


class EndedError(StreambroError, RuntimeError):
    """The stream ended before what was waited for."""

    kind = "ended"
    code = 301


class TimedOutError(StreambroError, TimeoutError):
    """Something took longer than its time allows."""

    kind = "timed_out"
    code = 302


class HostError(StreambroError, OSError):
    """The host lacks something that streambro needs: a thread, a file descriptor, memory, a directory that can be used."""

    kind = "host"
    code = 400


class ForkedError(StreambroError, RuntimeError):
    """The process was forked after it had used streambro, and this is the child: it has none of the threads.

    Start workers with the method `spawn`, let the child `exec`, or use streambro in the parent alone.
    """

    kind = "forked"
    code = 401


class PanickedError(StreambroError, RuntimeError):
    """A mistake in streambro itself, caught before it could do harm: other streams go on. Please report it."""

    kind = "panicked"
    code = 402


def error(kind: str, code: int, subject: str, detail: str) -> StreambroError:
    """Makes the exception of an error. The native module calls it."""
    made = _CLASSES.get(kind, StreambroError)(subject, detail)
    if made.code != code:
        # Of a kind that is newer than this module.
        made.kind, made.code = kind, code  # type: ignore[misc]
    return made


_CLASSES = {each.kind: each for each in StreambroError.__subclasses__()}
