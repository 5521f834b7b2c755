"""What comes out of streambro."""

# Made by generate.py from docs/schema/output.json: change nothing here.
# ruff: noqa: TC001 - the codec looks types up

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from ._input import Encode, Encoder, Item, ItemId, Platform
from ._wire import Kind, Tag

__all__ = [
    "Airing",
    "Alert",
    "Analysis",
    "AnyEvent",
    "AsRun",
    "AudioInfo",
    "Audit",
    "AuditFinding",
    "Availability",
    "Block",
    "Capacity",
    "Check",
    "CompressedHeader",
    "Container",
    "CopyRoad",
    "Cost",
    "DependentFirstPicture",
    "Diagnosis",
    "EncodeAudioRoad",
    "EncodeRoad",
    "EncoderChosen",
    "EncoderFailed",
    "EncoderReport",
    "Encoding",
    "EncodingState",
    "EncryptedTrack",
    "ErrorKind",
    "Event",
    "Explanation",
    "ExternalData",
    "Finding",
    "FindingKind",
    "Host",
    "IdTaken",
    "ItemChanged",
    "ItemEnd",
    "ItemFailed",
    "Lateness",
    "LegChanged",
    "LegPhase",
    "LegStatus",
    "Limit",
    "LimitUse",
    "LogLevel",
    "LogLine",
    "MediaInfo",
    "Mismatch",
    "Missed",
    "NoConfiguration",
    "NoTrack",
    "Phase",
    "PhaseChanged",
    "Plan",
    "PlaylistItem",
    "PlaylistStatus",
    "PrepareOutcome",
    "PrepareProgress",
    "PrepareStage",
    "Preview",
    "Probe",
    "ProcessSample",
    "Reason",
    "RefusedRoad",
    "RemuxReport",
    "RemuxRoad",
    "RenditionFinished",
    "RenditionUsage",
    "Resource",
    "Road",
    "Room",
    "RunRecord",
    "SandboxLevel",
    "SavingChanged",
    "ScheduleChanged",
    "ScheduleStatus",
    "Severity",
    "SourceUnsupported",
    "StartFailed",
    "StreamId",
    "StreamStatus",
    "TooLarge",
    "TooLong",
    "TooShort",
    "Track",
    "Unavailable",
    "Unsupported",
    "UnsupportedCodec",
    "UnsupportedContainer",
    "UnsupportedEditList",
    "UnsupportedFormat",
    "UnsupportedPlaylist",
    "Upcoming",
    "Usage",
    "Verdict",
    "VideoInfo",
    "WouldQueue",
    "WouldRefuse",
    "WouldStart",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Airing:
    """A stretch of time during which a stream is on the air.

    Fields:
        start_unix_ms: The instant at which it begins, in milliseconds since 1970.
        end_unix_ms: The instant at which it is over, in milliseconds since 1970, if it ever is. An airing that ends when
            another one begins does not overlap it.
        elapsed: Whether it ends when so much time has passed, whatever the clock shows by then.
    """

    start_unix_ms: int
    end_unix_ms: int | None
    elapsed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """What `analyze` says of a source and a destination.

    Fields:
        plan: How it would be sent; `None` when it cannot be.
        road: The same, and why.
        platform: Whose rules were applied; `None` when the destination is no known platform's: then those of most of them.
        findings: What is worth knowing, the worst first.
        suggestion: How to encode it so that all is mended that encoding can mend; `None` when there is nothing.
    """

    plan: Plan | None
    road: Road
    platform: Platform | None
    findings: tuple[Finding, ...]
    suggestion: Encode | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AsRun:
    """An item that went on the air, or should have.

    Fields:
        number: Which time it is that something went on the air, from 0.
        item: Which item.
        file: Its file, as it was given.
        began_unix_ms: When it began, in milliseconds since 1970; up to a tenth of a second before its first picture was due.
        began_ms: When it began, in milliseconds on the stream's clock.
        played_ms: How long it played, in milliseconds; `None` while it does.
        end: How it ended; `None` while it plays.
    """

    number: int
    item: ItemId
    file: str
    began_unix_ms: int
    began_ms: int
    played_ms: int | None
    end: ItemEnd | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioInfo:
    """An audio track.

    Fields:
        codec: Always `aac`.
        object_type: Audio object type: 2 is AAC-LC, 5 HE-AAC, 29 HE-AAC v2.
        sample_rate: Samples per second of the core coder.
        channels: Coded channels; 0 when the file describes them in a way that is not understood.
        bitrate: Mean bits per second.
        samples: How many frames there are.
        configs: How many decoder configurations there are.
    """

    codec: str
    object_type: int
    sample_rate: int
    channels: int
    bitrate: int
    samples: int
    configs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What is there, counted apart from the registry, and where the two differ.

    Fields:
        streams: Streams that have not ended.
        places: Places that are taken.
        tasks: Tasks of streams that are alive.
        connections: Connections to servers that are open.
        disk_threads: Threads that read from disks. One without work goes after 5 s.
        findings: Where belief and fact differ. Empty is healthy.
    """

    streams: int
    places: int
    tasks: int
    connections: int
    disk_threads: int
    findings: tuple[AuditFinding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFinding:
    """One difference between what a manager believes and what is there.

    Fields:
        what: What does not add up.
        stream: Which stream, where it is one.
        detail: The same in words.
    """

    what: Mismatch
    stream: StreamId | None
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unavailable:
    """The encoder does not work here.

    Fields:
        why: Why not, for people.
    """

    why: str


Availability: TypeAlias = Literal["available"] | Annotated[Unavailable, Tag("unavailable")]
"""Whether an encoder works here.

- `"available"`: It has encoded pictures.
- `Unavailable`: The encoder does not work here.
"""


Block: TypeAlias = Literal["no_ffmpeg", "needs_encoding", "file"]
"""What kind of remedy a refused file wants.

- `"no_ffmpeg"`: It would go with ffmpeg, which this host lacks.
- `"needs_encoding"`: It would go if it were encoded, which nobody asked for.
- `"file"`: Another file.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """How many more streams fit.

    Fields:
        streams: So many, all kinds of the mix together; `2**64 - 1` when nothing is in the way.
        binding: What is in the way of one more.
        of: The user, the host or the encoder whose limit that is.
        limits: Every limit that counts, the tightest first.
    """

    streams: int
    binding: Limit | None
    of: str | None
    limits: tuple[Room, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at.

    Fields:
        name: Its stable name: `descriptors`, `tcp_memory`, `tcp_buffer`, `tcp_idle`, `roots`, `clock`, `ffmpeg`, `media_root`;
            `host` alone when nothing could be looked at.
        severity: How it is.
        what: What was seen, in words.
        remedy: What to do; empty where there is nothing to do.
    """

    name: str
    severity: Severity
    what: str
    remedy: str


Container: TypeAlias = Literal["mp4", "fragmented_mp4", "flv"]
"""A file format.

- `"mp4"`: MP4 or QuickTime with its samples in tables.
- `"fragmented_mp4"`: MP4 whose samples, or some of them, are in movie fragments.
- `"flv"`: Flash Video.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a stream takes while it runs. An estimate from measurements, not a promise.

    Fields:
        bits_per_second: What it sends to all of its destinations, in bits per second, RTMP's overhead included. TCP and IP add
            about 3 %.
        memory_bytes: Private memory of the process and its children, in bytes.
        child_bytes: How much of it is the children's.
        kernel_bytes: Socket buffers, in bytes: memory of the host that no process shows.
        microcores: CPU, in millionths of one core: 10,000 are 1 %.
        descriptors: File descriptors.
        session: The hardware encoder of which it takes a session; `None` for the processor, and for what is copied.
    """

    bits_per_second: int
    memory_bytes: int
    child_bytes: int
    kernel_bytes: int
    microcores: int
    descriptors: int
    session: Encoder | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What was looked at, and how it is.

    Fields:
        checks: One entry for each check, in a fixed order.
    """

    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderReport:
    """What became of trying an encoder.

    Fields:
        encoder: The encoder; never `"auto"`.
        availability: Whether it works here.
    """

    encoder: Encoder
    availability: Availability


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """What ffmpeg does for a stream that cannot be copied as it is, or shall not.

    Fields:
        why: Why ffmpeg is needed.
        state: Whether ffmpeg runs, and if not, why not.
        encoder: What encodes the picture; `None` where it is copied.
        device_decodes: Whether the encoder's device decodes as well.
        pid: The process, while ffmpeg runs.
        sandbox: What holds around it, while it runs.
        runs: Runs of ffmpeg since the start.
        reached_ms: How far it is in the film, in milliseconds.
        ahead_ms: How much is made that no destination has been sent yet, in milliseconds.
        buffered_bytes: Memory that what is made takes here, in bytes: what is ahead, and what a destination that comes back
            begins with.
        lost_words: Lines of the current run's words that were lost, because it said more than anybody could read.
        frames: Pictures made by the current run.
        speed: Media made in the time it took, by ffmpeg's own account: 1 is real time. It is held back once it is ahead.
    """

    why: str
    state: EncodingState
    encoder: Encoder | None
    device_decodes: bool
    pid: int | None
    sandbox: SandboxLevel | None
    runs: int
    reached_ms: int
    ahead_ms: int
    buffered_bytes: int
    lost_words: int
    frames: int
    speed: float


EncodingState: TypeAlias = Literal["running", "waiting", "kept", "over"]
"""Whether ffmpeg runs.

- `"running"`: It runs.
- `"waiting"`: It does not: it is about to begin, or waits after a failure.
- `"kept"`: It is needed no more: what it made is kept and copied.
- `"over"`: Everything has been made, or the stream has ended.
"""


ErrorKind: TypeAlias = str
"""The class of an error, by its name in `docs/errors.md`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened.

    Fields:
        v: The version of its JSON, which is 1.
        seq: Its number in its manager, from 0.
        unix_ms: When, in milliseconds since 1970.
        stream: Which stream, if it concerns one.
        user: Whose stream it is, if it was given a user.
    """

    v: ClassVar[int] = 1
    seq: int
    unix_ms: int
    stream: StreamId | None
    user: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseChanged(Event):
    """The stream is in another phase. One event per change.

    Fields, besides those of `Event`:
        from_: Where it was.
        to: Where it is.
        reason: Why, where that is not obvious.
        detail: The same in words. Never a key.
    """

    from_: Phase
    to: Phase
    reason: Reason | None
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LegChanged(Event):
    """A destination is in another phase. One event per change.

    Fields, besides those of `Event`:
        leg: Its number, as in `LegStatus`.
        phase: Where it is.
        reason: Why, where that is not obvious.
        detail: The same in words. Never a key.
        retry_in_ms: When the next attempt is, in milliseconds from now.
    """

    leg: int
    phase: LegPhase
    reason: Reason | None
    detail: str
    retry_in_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderChosen(Event):
    """ffmpeg begins to make the stream, or goes on with another encoder.

    Fields, besides those of `Event`:
        encoder: What encodes the picture; `None` where it is copied.
        instead_of: What encoded it until now.
        detail: Why it is that one, and why ffmpeg is needed at all.
    """

    encoder: Encoder | None
    instead_of: Encoder | None
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderFailed(Event):
    """ffmpeg ended before its time; it is started again where it was, unless the stream ends.

    Viewers notice only if `"holding"` follows.

    Fields, besides those of `Event`:
        reason: Why.
        detail: The same in words, with what ffmpeg said last.
        reached_ms: How far it was in the film, in milliseconds.
    """

    reason: Reason
    detail: str
    reached_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RenditionFinished(Event):
    """What ffmpeg made of the source is kept, and copied from now on; or it is not.

    Fields, besides those of `Event`:
        kept: Whether it is.
        detail: The same in words.
    """

    kept: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemChanged(Event):
    """An item of a playlist began, ended, or could not be played.

    Fields, besides those of `Event`:
        run: What became of it so far.
    """

    run: AsRun


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleChanged(Event):
    """What is planned of a stream has changed, or another airing has begun.

    Fields, besides those of `Event`:
        now: What is on.
        next: What comes next.
    """

    now: Airing | None
    next: Airing | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StartFailed(Event):
    """A stream could not be started when its time had come.

    Fields, besides those of `Event`:
        error: The class of the failure.
        detail: What went wrong, in words. Never a key.
        retry_in_ms: When that is tried again, in milliseconds from now; `None` when its time is over.
    """

    error: ErrorKind
    detail: str
    retry_in_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SavingChanged(Event):
    """What the manager should remember cannot be kept, or can be again.

    Streams go on meanwhile, and what they are is tried again every other second. One event at the begin and one at the end;
    with a stream's name it is about its key alone.

    Fields, besides those of `Event`:
        saved: Whether everything is kept.
        detail: Why not, in words; with `saved` where that is what could not be used. Never a key.
    """

    saved: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert(Event):
    """Something uses too much, or no longer does.

    One event at the begin and one at the end; the end of a stream ends its alerts without another word.

    Fields, besides those of `Event`:
        what: What of.
        value: How much: percent of one core, or bytes.
        threshold: What is allowed, in the same unit.
        began: Whether it begins; else it has ended.
    """

    what: Resource
    value: float
    threshold: float
    began: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed(Event):
    """The reader was slow: the oldest events are lost.

    Comes before the oldest that is left, with the number of the last one lost.

    Fields, besides those of `Event`:
        count: How many of those that the reader wanted.
    """

    count: int


AnyEvent: TypeAlias = (
    Annotated[PhaseChanged, Kind("type", "phase", inside="kind")]
    | Annotated[LegChanged, Kind("type", "leg", inside="kind")]
    | Annotated[EncoderChosen, Kind("type", "encoder", inside="kind")]
    | Annotated[EncoderFailed, Kind("type", "encoder_failed", inside="kind")]
    | Annotated[RenditionFinished, Kind("type", "rendition", inside="kind")]
    | Annotated[ItemChanged, Kind("type", "item", inside="kind")]
    | Annotated[ScheduleChanged, Kind("type", "schedule", inside="kind")]
    | Annotated[StartFailed, Kind("type", "start_failed", inside="kind")]
    | Annotated[SavingChanged, Kind("type", "state", inside="kind")]
    | Annotated[Alert, Kind("type", "alert", inside="kind")]
    | Annotated[Missed, Kind("type", "missed", inside="kind")]
    | Event
)
"""What happened.

- `PhaseChanged`: The stream is in another phase. One event per change.
- `LegChanged`: A destination is in another phase. One event per change.
- `EncoderChosen`: ffmpeg begins to make the stream, or goes on with another encoder.
- `EncoderFailed`: ffmpeg ended before its time; it is started again where it was, unless the stream ends. Viewers notice only
  if `"holding"` follows.
- `RenditionFinished`: What ffmpeg made of the source is kept, and copied from now on; or it is not.
- `ItemChanged`: An item of a playlist began, ended, or could not be played.
- `ScheduleChanged`: What is planned of a stream has changed, or another airing has begun.
- `StartFailed`: A stream could not be started when its time had come.
- `SavingChanged`: What the manager should remember cannot be kept, or can be again. Streams go on meanwhile, and what they are
  is tried again every other second. One event at the begin and one at the end; with a stream's name it is about its key alone.
- `Alert`: Something uses too much, or no longer does. One event at the begin and one at the end; the end of a stream ends its
  alerts without another word.
- `Missed`: The reader was slow: the oldest events are lost. Comes before the oldest that is left, with the number of the last
  one lost.
- `Event`: Of a kind that this version does not know.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What `explain` says of a spec.

    Fields:
        id: Which stream.
        plan: How it would be sent; `None` when it cannot be.
        findings: What is worth knowing of the file: first what is in the way, then what may disappoint.
        cost: What it would take; `None` without a plan.
        limits: Every limit it touches, as it is now.
        verdict: What `start` would do now.
    """

    id: StreamId
    plan: Plan | None
    findings: tuple[Finding, ...]
    cost: Cost | None
    limits: tuple[LimitUse, ...]
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something worth knowing of a file.

    Fields:
        kind: What.
        severity: How bad it is.
        detail: The same in words, with figures and what to do about it.
        suggestion: How to encode it so that this is mended. `None` when encoding does not help, or need not (default: `None`)
    """

    kind: FindingKind
    severity: Severity
    detail: str
    suggestion: Encode | None = None


FindingKind: TypeAlias = Literal[
    "not_native",
    "truncated",
    "silent_audio",
    "no_picture",
    "long_keyframe_interval",
    "open_gop",
    "high_bitrate",
    "low_bitrate",
    "unusual_picture",
    "unusual_profile",
    "large_picture",
    "high_frame_rate",
    "interlaced",
    "variable_frame_rate",
    "unusual_audio",
    "high_audio_bitrate",
    "long_session",
    "items_differ",
]
"""What was found.

- `"not_native"`: The native engine cannot copy it: an error where ffmpeg cannot help either, else a note.
- `"truncated"`: The file ends before its own tables say: it plays up to there and ends the stream.
- `"silent_audio"`: There is no sound: a silent track is added, because platforms demand one.
- `"no_picture"`: There is no picture, which platforms demand.
- `"long_keyframe_interval"`: Keyframes are far apart.
- `"open_gop"`: Pictures behind a keyframe may need those before it.
- `"high_bitrate"`: More bits than the platform takes.
- `"low_bitrate"`: Fewer bits than the platform asks for.
- `"unusual_picture"`: A colour format that platforms do not decode.
- `"unusual_profile"`: A profile of H.264 that platforms do not decode.
- `"large_picture"`: More pixels than the platform takes.
- `"high_frame_rate"`: More pictures per second than the platform takes.
- `"interlaced"`: Fields instead of whole pictures.
- `"variable_frame_rate"`: The frame rate varies.
- `"unusual_audio"`: A kind of AAC, a sample rate or a number of channels that the platform does not ask for.
- `"high_audio_bitrate"`: More bits of sound than the platform takes.
- `"long_session"`: The platform ends a broadcast, or its recording, before the stream ends.
- `"items_differ"`: Two items cannot be joined without a new connection, or look unlike each other.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """The machine as this process may use it, at one moment.

    Limits of control groups (containers, systemd units) count, those of every ancestor included.

    Fields:
        cpus: Processors this process may use; a quota can make it a fraction.
        cpus_online: Processors of the whole machine that are on.
        load: The machine's load over 1, 5 and 15 minutes, whoever causes it; zeros where the system does not tell.
        memory_bytes: Memory that there is for this process, in bytes; 0 where the system does not tell.
        memory_available_bytes: What of it can still be had without pressing on anyone, in bytes.
        memory_limit_bytes: The tightest limit of a control group, in bytes, if there is one.
        descriptors: File descriptors this process may have open (the soft limit); `None` without a limit.
        descriptors_hard: How far the process may raise that itself (the hard limit); `None` without a limit.
        descriptors_used: File descriptors open now.
        process: This process.
    """

    cpus: float
    cpus_online: float
    load: tuple[float, ...]
    memory_bytes: int
    memory_available_bytes: int
    memory_limit_bytes: int | None
    descriptors: int | None
    descriptors_hard: int | None
    descriptors_used: int
    process: ProcessSample


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemFailed:
    """The item could not be opened, joined or read any further.

    Fields:
        reason: Why.
        detail: The same in words.
    """

    reason: Reason
    detail: str


ItemEnd: TypeAlias = Literal["finished", "skipped", "stopped"] | Annotated[ItemFailed, Tag("failed")]
"""How an item ended.

- `"finished"`: It has played to its end.
- `"skipped"`: It was skipped.
- `"stopped"`: The stream ended while it played.
- `ItemFailed`: The item could not be opened, joined or read any further.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness:
    """How late packets were handed to the socket, since the connection's start.

    Media that is due within the next tick goes out at once, so most packets are up to 100 ms early.

    Fields:
        counts: Packets in each bucket. The bounds are -200, -100, -50, 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1,000 and 10,000
            ms after the packet was due (a packet on a bound lies below it); the last bucket is open.
    """

    counts: tuple[int, ...]


LegPhase: TypeAlias = Literal["connecting", "publishing", "live", "lagging", "waiting", "disabled", "ended"]
"""Where one destination is.

- `"connecting"`: It resolves, connects and shakes hands.
- `"publishing"`: Publishing was accepted; media flows, but is not yet known to arrive.
- `"live"`: It is on the air, as `Phase` says of a stream.
- `"lagging"`: Live, but behind by more than two seconds.
- `"waiting"`: It waits for the next attempt.
- `"disabled"`: It rests until it is enabled again.
- `"ended"`: It is over.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LegStatus:
    """One destination of a stream as it was at one moment.

    Fields:
        leg: Its number: its place in the spec, from 0, and what `add_destination` returned. That of one that was removed may be
            given again.
        destination: What may be shown of the URL.
        phase: Where it is.
        reason: Why the last connection ended or the last attempt failed; `None` before that and once live again.
        detail: The same in words. Never a key.
        attempts: Connection attempts since the start.
        reconnects: Times it went live again after having been live.
        bytes: Bytes handed to the socket since the start, protocol overhead included, TLS not.
        acked_bytes: Bytes the peer's TCP has acknowledged on this connection, TLS included. Sampled about once a second.
        packets: Media messages handed over since the start.
        late_ms: How late the latest packet was handed over, in milliseconds; 0 when early.
        max_late_ms: The latest a packet of this connection ever was, in milliseconds.
        lateness: How punctual the packets of this connection were.
        skips: Times that lag was given up: the clock moved, or content was skipped to a keyframe.
    """

    leg: int
    destination: str
    phase: LegPhase
    reason: Reason | None
    detail: str
    attempts: int
    reconnects: int
    bytes: int
    acked_bytes: int
    packets: int
    late_ms: int
    max_late_ms: int
    lateness: Lateness
    skips: int


Limit: TypeAlias = Literal[
    "streams",
    "streams_per_user",
    "streams_per_host",
    "bandwidth",
    "memory",
    "cpu",
    "process_memory",
    "encoder_sessions",
    "waiting",
    "host_memory",
    "host_cpu",
    "host_bandwidth",
    "descriptors",
]
"""Something of which there is only so much.

- `"streams"`: Streams of the manager: `max_streams`.
- `"streams_per_user"`: Streams of one user: `max_streams_per_user`.
- `"streams_per_host"`: Destinations at one host: `max_streams_per_host`.
- `"bandwidth"`: What all streams send: `max_bandwidth`.
- `"memory"`: Estimated memory of all streams: `max_stream_memory`.
- `"cpu"`: Estimated CPU of all streams: `max_stream_cpu`.
- `"process_memory"`: Measured memory of this process: `max_process_memory`.
- `"encoder_sessions"`: Sessions of one hardware encoder: `max_encoder_sessions`.
- `"waiting"`: Streams that wait for a place: `Queue`.
- `"host_memory"`: Free memory of the host beyond the reserve. Tells in `capacity` only.
- `"host_cpu"`: Idle CPU of the host. Tells in `capacity` only.
- `"host_bandwidth"`: Free bandwidth of the host, where it is known. Tells in `capacity` only.
- `"descriptors"`: File descriptors the process may still open. Tells in `capacity` only.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitUse:
    """How much of a limit is used, and how much more is asked for.

    Fields:
        limit: Which.
        of: The user, the host or the encoder whose limit it is; `None` for a limit of the manager.
        used: What is taken now, in units of the limit.
        asked: What the stream asks for.
        max: What there is in all; `None` is unlimited.
        over: By how much the limit would be passed; 0 when there is room.
    """

    limit: Limit
    of: str | None
    used: int
    asked: int
    max: int | None
    over: int


LogLevel: TypeAlias = Literal["info", "warn", "error"]
"""How much a line of a log matters.

- `"info"`: Things go their way.
- `"warn"`: Something went wrong, and streambro deals with it.
- `"error"`: Something went wrong that only a human can mend.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """A line of a stream's log.

    Fields:
        unix_ms: When, in milliseconds since 1970.
        level: How much it matters.
        message: What happened: at most 1 KiB, in one line, without control characters. Never a key.
    """

    unix_ms: int
    level: LogLevel
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaInfo:
    """What is in a file. Times are milliseconds, rates bits per second.

    Fields:
        container: The file format.
        duration_ms: From item time 0 to the end of the longest track, in milliseconds.
        truncated: The file ends before its last sample: what lies before the cut still plays, and is what is measured here.
        video: The video track.
        audio: The audio track.
    """

    container: Container
    duration_ms: int
    truncated: bool
    video: VideoInfo | None
    audio: AudioInfo | None


Mismatch: TypeAlias = Literal["places", "tasks", "connections", "disk_threads", "monitor"]
"""What does not add up.

- `"places"`: Places are taken that no stream holds: they are lost to every later start.
- `"tasks"`: A stream without a task, or a task without a stream.
- `"connections"`: Connections that no destination knows of, or the other way round.
- `"disk_threads"`: A thread waits for a disk although nothing plays: a mount that does not answer.
- `"monitor"`: Streams run, but nobody measures them.
"""


Phase: TypeAlias = Literal[
    "scheduled",
    "queued",
    "preparing",
    "starting",
    "live",
    "degraded",
    "holding",
    "reconnecting",
    "stopping",
    "ended",
]
"""Where a stream is in its life.

- `"scheduled"`: It waits for its time.
- `"queued"`: It waits for a place.
- `"preparing"`: Its source is being opened.
- `"starting"`: It connects for the first time.
- `"live"`: Every destination is on the air: publishing was accepted, the first keyframe was acknowledged by the peer's TCP, and
  the connection was still open a second later. RTMP itself acknowledges nothing.
- `"degraded"`: It is on the air, but lags, or some destinations are not.
- `"holding"`: It is on the air with a picture that stands still, because the source has none.
- `"reconnecting"`: No destination is on the air; it connects again.
- `"stopping"`: It says goodbye.
- `"ended"`: It is over; the reason says why.
"""


Plan: TypeAlias = Literal["copy", "remux", "encode_audio", "encode"]
"""How a stream is sent.

- `"copy"`: As it is in the file, from inside this process.
- `"remux"`: As it is in the file; ffmpeg writes it anew in a form that is read natively.
- `"encode_audio"`: The picture as it is in the file; ffmpeg encodes the sound.
- `"encode"`: ffmpeg encodes picture and sound.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaylistItem:
    """An item and its number.

    Fields:
        id: Its number.
        item: What it plays.
    """

    id: ItemId
    item: Item


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaylistStatus:
    """A playlist that plays, as it was at one moment.

    Fields:
        version: One more with each edit. An edit that names it is refused once it is another.
        now: What plays now, or played last: then it has an end, and the picture stands still. `None` before the first.
        next: What comes next if nothing changes; `None` when nothing does.
        items: Everything in it, in the order in which it is written.
    """

    version: int
    now: AsRun | None
    next: ItemId | None
    items: tuple[PlaylistItem, ...]


PrepareOutcome: TypeAlias = Literal["made", "found", "not_needed"]
"""What a `Preparation` came to.

- `"made"`: ffmpeg has made the rendition.
- `"found"`: It was there already.
- `"not_needed"`: The source needs none: it is copied as it is.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareProgress:
    """How far a `Preparation` is.

    Fields:
        stage: What it does.
        done_ms: How much of the film is made, in milliseconds; while it is read, how much was read of it in the same measure.
        total_ms: How long the film is, in milliseconds; `None` when it does not say.
        speed: Media made in the time it took: 2 is twice as fast as it plays.
        eta_ms: When it will be finished, in milliseconds from now; `None` while nobody can know.
    """

    stage: PrepareStage
    done_ms: int
    total_ms: int | None
    speed: float
    eta_ms: int | None


PrepareStage: TypeAlias = Literal["reading", "encoding", "finished", "failed"]
"""What a `Preparation` does.

- `"reading"`: It reads the film, to know it by its content.
- `"encoding"`: ffmpeg is at work.
- `"finished"`: The rendition is there.
- `"failed"`: It failed, or was cancelled.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """When a stream is on the air, as a clock on the wall shows it.

    Fields:
        start: When it begins.
        end: When it is over, if it ever is.
        note: What a change of the clock does to it.
    """

    start: str
    end: str | None
    note: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What is in a file, and whether it can go out as it is.

    Fields:
        info: Tracks, codec parameters, durations, rates. `None` when an obstacle is in the way of knowing.
        obstacles: Every reason why the file cannot be copied natively. Empty: it can.
    """

    info: MediaInfo | None
    obstacles: tuple[Unsupported, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessSample:
    """What a process held and had used at one moment.

    Fields:
        resident_bytes: Resident memory in bytes, what is shared with other processes counted in full.
        anonymous_bytes: Resident memory without a file behind it: heap and stacks. Equal to `resident_bytes` where the system
            does not tell them apart.
        proportional_bytes: Resident memory with shared pages split among those who share them (PSS); `None` where that cannot
            be read.
        cpu_ms: Processor time used since the process began, in milliseconds.
    """

    resident_bytes: int
    anonymous_bytes: int
    proportional_bytes: int | None
    cpu_ms: int


Reason: TypeAlias = Literal[
    "stopped",
    "finished",
    "shut_down",
    "schedule_ended",
    "start_failed",
    "key_missing",
    "disabled",
    "unresolved",
    "not_allowed",
    "unreachable",
    "tls_failed",
    "handshake_timeout",
    "protocol_error",
    "bad_key",
    "already_publishing",
    "auth_required",
    "bad_app",
    "refused",
    "rejected_early",
    "stalled",
    "peer_closed",
    "network_failed",
    "rotated",
    "reconnect_requested",
    "source_truncated",
    "list_ended",
    "source_unreadable",
    "source_invalid",
    "encoder_failed",
    "encoder_unavailable",
    "encoder_slow",
    "retries_exhausted",
    "host",
    "behind",
    "over_limit",
    "limit_reached",
    "internal",
]
"""Why something is as it is.

Each has a `meaning` and a `remedy`; `docs/reasons.md` has them in one table.

- `"stopped"`: Somebody called `stop`, or `replace` put another run in its place. Nothing: it is what was asked for.
- `"finished"`: The source has played as often as it was asked to. Nothing. To play for ever, let it `repeat` `forever`.
- `"shut_down"`: The manager shut down. Nothing if you shut it down. If not, the last handle of the manager or its runtime was
  dropped: keep both for as long as streams shall run.
- `"schedule_ended"`: Its time is over, as its schedule says. Nothing: it is back at its next window. To let it go on, `extend`
  it or drop its end with `clear_end`.
- `"start_failed"`: It could not be started: `start` returned an error or was given up, or a planned start went wrong. Do what
  the error says: that `start` returned, or the detail and the event `start_failed` show. A planned start is tried again with
  growing delays, a minute at the most, until its time is over.
- `"key_missing"`: Its stream key was not kept over a restart. Start it, or schedule it, once more with the same spec and its
  key: it goes on where it was. To have keys kept, bring a `KeyProvider` that seals them, or let them be kept in clear text.
- `"disabled"`: The destination was disabled, or removed, while the stream goes on. Nothing: it is what was asked for. To have
  it on the air again, enable or add it.
- `"unresolved"`: The host's name could not be resolved. Check the host in the URL, then this machine's DNS. Tried again with
  growing delays.
- `"not_allowed"`: The destination policy allows none of the host's addresses. Choose another destination, or allow this one
  with the setting `destinations`. Tried again slowly, because names move.
- `"unreachable"`: No TCP connection came about: it was refused, or nobody answered within 10 s. Check host and port in the URL,
  and that no firewall is in between. Tried again with growing delays.
- `"tls_failed"`: TLS failed: the certificate is not valid for the host, or the peer does not speak TLS. Check what the detail
  names: the host in the URL, a port that speaks no TLS, this machine's clock or its CA certificates; trust a server of your own
  with `Destination.trust`. Tried again slowly.
- `"handshake_timeout"`: The peer did not finish the TLS or RTMP handshake, up to accepting the stream, within 10 s. Check that
  the port is one for RTMP, or for RTMPS where the URL says so; if it is, the server is overloaded. Tried again with growing
  delays.
- `"protocol_error"`: The peer broke the RTMP protocol. Check that host and port belong to an RTMP server; if they do, please
  report it with the detail. Tried again with growing delays.
- `"bad_key"`: The server refused the key. Copy the stream key again from the platform's page, see that the broadcast there is
  still open, and `replace` the stream. Tried again slowly; sooner right after a drop, when the old connection may still hold
  the key.
- `"already_publishing"`: The server says that the key is in use. Right after a drop wait: the server still holds the old
  connection. If it stays, another program uses the key: end that one, or use another key. Tried again with growing delays.
- `"auth_required"`: The server wants a login, which streambro cannot do. Ask whether the server takes a key or a token instead;
  a token such as `?auth=abc` is written behind the key, as a part of it. Tried again slowly.
- `"bad_app"`: The server does not know the application. Check the path of the URL: it ends with the application, such as
  `/live2`, and holds no key. Tried again slowly.
- `"refused"`: The server refused for another reason; the detail has its words. Read the detail, and ask who runs the server.
  Tried again with growing delays.
- `"rejected_early"`: The connection closed when publishing was asked for, or right after it: usually a wrong key. Check the
  key, see that the platform expects a broadcast now, and `replace` the stream. Tried again slowly.
- `"stalled"`: The peer accepted no byte for 15 s, or less than a tenth of the media for 30 s. If it comes again, the line is
  too slow or loses packets: check the upload rate against the file's bitrate. Tried again with growing delays, at the same
  place in the film.
- `"peer_closed"`: The peer closed or reset the connection. Nothing if it is rare: servers restart. If it comes again, ask the
  platform's page why; if it never goes live, check port and path of the URL. Tried again with growing delays, at the same place
  in the film.
- `"network_failed"`: The network failed. Read the detail and check this machine's network. Tried again with growing delays, at
  the same place in the film.
- `"rotated"`: A planned reconnect: before a limit of the protocol (time stamps after 20 days, or TLS records), by the
  destination's `Rotation`, or by hand. Nothing: it is back within seconds, or after the pause of its `Rotation`.
- `"reconnect_requested"`: The server asked for a reconnect. Nothing: servers do this before they are serviced. It is back
  within seconds.
- `"source_truncated"`: The file ended before its own tables say, or was cut while it played. Bring the whole file. A stream
  that plays it for ever shows its last picture until then, and a playlist goes on; any other has ended: start it again. Put
  files into place by renaming them, never by writing over one that plays.
- `"list_ended"`: Nothing follows in the playlist, and the stream waits for more. Add an item to the playlist; until then the
  picture stands still.
- `"source_unreadable"`: The file could not be read: the disk failed, or did not answer for 15 s. Read the detail; check the
  disk or the network file system. Tried again with growing delays; meanwhile a stream that plays it for ever shows its last
  picture, and a playlist goes on.
- `"source_invalid"`: The file breaks the rules of its format. Make the file anew, for instance with `ffmpeg -i in.mp4 -c copy
  out.mp4`. A stream that plays it for ever shows its last picture until then, and a playlist goes on; any other has ended:
  start it again.
- `"encoder_failed"`: Its ffmpeg died, stood still or ended too early. Read the detail and the stream's log, which has ffmpeg's
  last words. It is started again with growing delays, where it was in the film; meanwhile the picture stands still. A stream
  that never had a picture ends.
- `"encoder_unavailable"`: There is no ffmpeg, or none of the encoders that the stream may use works here. Do what the detail
  says: install ffmpeg, or choose another encoder; `encoders` lists what works here. Then start the stream again.
- `"encoder_slow"`: Its ffmpeg makes less than a second of media in a second: the picture stands still now and then. Choose a
  faster preset, a smaller picture, a lower frame rate or a hardware encoder, or stop other streams.
- `"retries_exhausted"`: The destination failed as often as the stream's `Retry` allows. Mend what the detail says, which has
  the last failure's words, and start the stream again, or allow more with `Retry`. Other destinations of the stream go on.
- `"host"`: The host lacks something: file descriptors, threads or memory. Do what the detail says; `doctor` looks for the rest.
  Tried again with growing delays.
- `"behind"`: It is on the air, but a destination lags by more than two seconds. Nothing if it passes: it catches up by itself.
  If it stays, the line is slower than the file's bitrate: look at the legs in the stream's status, and take a smaller file.
- `"over_limit"`: It used more processor time or memory than the alerts allow, and the manager was told to restart or to stop it
  then. Look at its `usage`, and for what it shares the machine with; or raise the thresholds with the setting `alerts`.
- `"limit_reached"`: It waits for a place: a limit of the manager is in the way; the detail says which. Wait, stop another
  stream, or raise the limit.
- `"internal"`: A bug in streambro: a task died. Please report it with the log. The stream has ended; start it again.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemuxReport:
    """What a `remux` wrote.

    Fields:
        video: Video frames.
        audio: Audio frames, silence included.
        silent: Silent audio frames inserted where the source has none.
        trimmed: Audio frames of the source left out at joints.
        raised: Decode times that had to be raised; anything but 0 means broken time stamps in the source.
        duration_ms: The length of what was written, in milliseconds.
        bytes: Bytes written.
    """

    video: int
    audio: int
    silent: int
    trimmed: int
    raised: int
    duration_ms: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RenditionUsage:
    """How much there is.

    Fields:
        bytes: Bytes of all files, those under way included. Those take up to 4 MB ahead.
        count: Renditions that can be played.
        drafts: Renditions that someone writes.
        quota: The most that `bytes` may be.
    """

    bytes: int
    count: int
    drafts: int
    quota: int


Resource: TypeAlias = Literal["cpu", "memory", "process_memory"]
"""What an alert is about.

- `"cpu"`: A stream's processor time, in percent of one core.
- `"memory"`: A stream's memory, in bytes.
- `"process_memory"`: The resident memory of the whole process, in bytes.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyRoad:
    """As it is in the file, from inside this process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemuxRoad:
    """As it is in the file; ffmpeg writes it anew in a form that is read natively.

    Fields:
        why: What the native readers cannot do.
    """

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeAudioRoad:
    """The picture as it is in the file; ffmpeg encodes the sound.

    Fields:
        why: What is the matter with the sound.
    """

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeRoad:
    """ffmpeg encodes picture and sound.

    Fields:
        why: Who wants that.
    """

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRoad:
    """It cannot be sent.

    Fields:
        block: What kind of remedy it wants.
        why: What is in the way.
        remedy: What to do about it.
    """

    block: Block
    why: str
    remedy: str


Road: TypeAlias = (
    Annotated[CopyRoad, Kind("type", "copy")]
    | Annotated[RemuxRoad, Kind("type", "remux")]
    | Annotated[EncodeAudioRoad, Kind("type", "encode_audio")]
    | Annotated[EncodeRoad, Kind("type", "encode")]
    | Annotated[RefusedRoad, Kind("type", "refused")]
)
"""Which way a file takes. `why` is for people.

- `CopyRoad`: As it is in the file, from inside this process.
- `RemuxRoad`: As it is in the file; ffmpeg writes it anew in a form that is read natively.
- `EncodeAudioRoad`: The picture as it is in the file; ffmpeg encodes the sound.
- `EncodeRoad`: ffmpeg encodes picture and sound.
- `RefusedRoad`: It cannot be sent.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """How much of a limit is free, and how many streams that is.

    Fields:
        limit: Which.
        of: The user, the host or the encoder whose limit it is; `None` for one of the manager or the machine.
        free: What is free, in units of the limit.
        streams: So many streams fit into that.
    """

    limit: Limit
    of: str | None
    free: int
    streams: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """What one run of a stream was, from its start to its end.

    Fields:
        id: The stream's name.
        user: Its user, if it was given one.
        started_unix_ms: When it started, in milliseconds since 1970.
        ended_unix_ms: When it ended, in milliseconds since 1970.
        reason: Why it ended.
        detail: The same in words: at most 1 KiB, without control characters. Never a key.
        bytes: Bytes handed to all sockets, protocol overhead included, TLS not.
        laps: How often the source began again.
        reconnects: Times that a destination went live again after having been live.
        media_ms: How far the stream's clock came, in milliseconds of media.
    """

    id: StreamId
    user: str | None
    started_unix_ms: int
    ended_unix_ms: int
    reason: Reason
    detail: str
    bytes: int
    laps: int
    reconnects: int
    media_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxLevel:
    """What really holds around an ffmpeg.

    Fields:
        no_new_privs: No program that it starts gets more rights than it has.
        files: It reads its input and what a program needs to start, and writes to no file.
        tcp: It neither makes nor takes TCP connections.
        landlock: The version of the kernel's Landlock; 0 where there is none.
    """

    no_new_privs: bool
    files: bool
    tcp: bool
    landlock: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleStatus:
    """When a stream is on the air.

    Fields:
        now: What is on.
        next: What comes next.
    """

    now: Airing | None
    next: Airing | None


Severity: TypeAlias = Literal["fine", "note", "warning", "error"]
"""How bad a finding is, of a stream or of the host.

- `"fine"`: As it should be.
- `"note"`: Worth knowing; nothing suffers.
- `"warning"`: Something may suffer: streams in some case, or viewers on some platform.
- `"error"`: It cannot work as asked.
"""


StreamId: TypeAlias = str
"""1 to 64 characters of `A-Z a-z 0-9 . _ -`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStatus:
    """A stream as it was at one moment.

    Fields:
        id: Its name.
        user: Its user, if it was given one.
        phase: Where it is in its life.
        reason: Why, where that is not obvious.
        detail: The same in words, with what the system or the server said. Never a key.
        queue_position: Its place in the queue, from 1, while it waits for a place.
        media_ms: How far the stream's clock is, in milliseconds of media since the start; it stands while no one is connected.
        laps: How often the source has begun again.
        silent_frames: Silent audio frames inserted where the source has none.
        trimmed_frames: Audio frames left out at joints.
        bytes: Bytes handed to all sockets, protocol overhead included, TLS not.
        started_unix_ms: When it started, in milliseconds since 1970; 0 while it waits for its time.
        usage: What it used over the monitor's last interval; `None` before the first, after its end and without a monitor.
        encoding: What ffmpeg does for it; `None` for what is copied natively, and before the source is open.
        schedule: When it is on the air, if it has a schedule.
        legs: Its destinations in the order of the spec.
    """

    id: StreamId
    user: str | None
    phase: Phase
    reason: Reason | None
    detail: str
    queue_position: int | None
    media_ms: int
    laps: int
    silent_frames: int
    trimmed_frames: int
    bytes: int
    started_unix_ms: int
    usage: Usage | None
    encoding: Encoding | None
    schedule: ScheduleStatus | None
    legs: tuple[LegStatus, ...]


Track: TypeAlias = Literal["video", "audio"]
"""The kind of a track. A stream has at most one of each.

- `"video"`: H.264.
- `"audio"`: AAC.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsupportedContainer:
    """Neither MP4 nor FLV."""


@dataclass(frozen=True, slots=True)
class UnsupportedPlaylist:
    """A text that leads to other files, or could. What is there is in words."""

    what: str


@dataclass(frozen=True, slots=True)
class UnsupportedFormat:
    """None of the formats that can be read, here or by ffmpeg. What it is instead is in words."""

    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NoTrack:
    """No H.264 and no AAC track."""


@dataclass(frozen=True, slots=True)
class EncryptedTrack:
    """Samples are encrypted."""

    track: Track


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsupportedCodec:
    """A codec that legacy RTMP cannot carry.

    Fields:
        track: Which track.
        codec: Its four-character code or name.
    """

    track: Track
    codec: str


@dataclass(frozen=True, slots=True)
class NoConfiguration:
    """Parameter sets are only inside the samples (avc3), or missing."""

    track: Track


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressedHeader:
    """The movie header is compressed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalData:
    """Samples are in another file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsupportedEditList:
    """More than a delay and one edit, or an edit that changes the speed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DependentFirstPicture:
    """The first picture that would play depends on pictures before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TooShort:
    """It ends as soon as it begins: looped, it would make the stream spin.

    Fields:
        ms: How long it lasts.
    """

    ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TooLong:
    """Its time stamps span more than a year: they are broken."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The file is larger than a limit of the format or of streambro."""

    what: str


Unsupported: TypeAlias = (
    Annotated[UnsupportedContainer, Kind("reason", "container")]
    | Annotated[UnsupportedPlaylist, Kind("reason", "playlist", content="what", bare=True)]
    | Annotated[UnsupportedFormat, Kind("reason", "format", content="what", bare=True)]
    | Annotated[NoTrack, Kind("reason", "no_track")]
    | Annotated[EncryptedTrack, Kind("reason", "encrypted", content="what", bare=True)]
    | Annotated[UnsupportedCodec, Kind("reason", "codec", content="what")]
    | Annotated[NoConfiguration, Kind("reason", "no_configuration", content="what", bare=True)]
    | Annotated[CompressedHeader, Kind("reason", "compressed_header")]
    | Annotated[ExternalData, Kind("reason", "external_data")]
    | Annotated[UnsupportedEditList, Kind("reason", "edit_list")]
    | Annotated[DependentFirstPicture, Kind("reason", "first_picture")]
    | Annotated[TooShort, Kind("reason", "too_short", content="what")]
    | Annotated[TooLong, Kind("reason", "too_long")]
    | Annotated[TooLarge, Kind("reason", "too_large", content="what", bare=True)]
)
"""A reason why a file cannot be copied natively.

- `UnsupportedContainer`: Neither MP4 nor FLV.
- `UnsupportedPlaylist`: A text that leads to other files, or could. What is there is in words.
- `UnsupportedFormat`: None of the formats that can be read, here or by ffmpeg. What it is instead is in words.
- `NoTrack`: No H.264 and no AAC track.
- `EncryptedTrack`: Samples are encrypted.
- `UnsupportedCodec`: A codec that legacy RTMP cannot carry.
- `NoConfiguration`: Parameter sets are only inside the samples (avc3), or missing.
- `CompressedHeader`: The movie header is compressed.
- `ExternalData`: Samples are in another file.
- `UnsupportedEditList`: More than a delay and one edit, or an edit that changes the speed.
- `DependentFirstPicture`: The first picture that would play depends on pictures before it.
- `TooShort`: It ends as soon as it begins: looped, it would make the stream spin.
- `TooLong`: Its time stamps span more than a year: they are broken.
- `TooLarge`: The file is larger than a limit of the format or of streambro.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Upcoming:
    """A time at which a stream will be on the air.

    Fields:
        id: The stream.
        user: Whose it is.
        airing: From when to when.
    """

    id: StreamId
    user: str | None
    airing: Airing


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a stream, or the whole process, used over the monitor's last interval.

    Fields:
        cpu_percent: Processor time in percent of one core.
        memory_bytes: Memory in bytes.
        bits_per_second: Bits handed to the network per second.
        estimated: Whether processor time and memory are estimates. A natively copied stream shares this process with the others
            and with the host's own work: its part is its share by bytes of what the process used, and of the memory that it has
            taken since the manager was built. A host that works hard itself makes it look larger than it is. A stream's ffmpeg
            is measured, and added.
        sampled_unix_ms: When it was measured, in milliseconds since 1970.
    """

    cpu_percent: float
    memory_bytes: int
    bits_per_second: int
    estimated: bool
    sampled_unix_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WouldStart:
    """Put it on its way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WouldQueue:
    """Let it wait.

    Fields:
        position: Its place in the queue, from 1.
        limit: The first limit in its way; `None` when nothing but its turn is.
        of: The user, the host or the encoder whose limit that is.
        over: By how much the limit would be passed, in its unit.
    """

    position: int
    limit: Limit | None
    of: str | None
    over: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WouldRefuse:
    """Refuse it with `LimitReachedError`.

    Fields:
        limit: The first limit in its way.
        of: The user, the host or the encoder whose limit that is.
        over: By how much the limit would be passed, in its unit.
        detail: The same in words, and what to do about it.
    """

    limit: Limit
    of: str | None
    over: int
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceUnsupported:
    """Refuse it, because the source cannot be sent: see the findings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdTaken:
    """The id has a stream: `start` returns that one if it is the same, and `AlreadyExistsError` if it is not."""


Verdict: TypeAlias = (
    Annotated[WouldStart, Kind("type", "start")]
    | Annotated[WouldQueue, Kind("type", "queue")]
    | Annotated[WouldRefuse, Kind("type", "refuse")]
    | Annotated[SourceUnsupported, Kind("type", "unsupported")]
    | Annotated[IdTaken, Kind("type", "id_taken")]
)
"""What `start` would do.

- `WouldStart`: Put it on its way.
- `WouldQueue`: Let it wait.
- `WouldRefuse`: Refuse it with `LimitReachedError`.
- `SourceUnsupported`: Refuse it, because the source cannot be sent: see the findings.
- `IdTaken`: The id has a stream: `start` returns that one if it is the same, and `AlreadyExistsError` if it is not.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoInfo:
    """A video track.

    Fields:
        codec: Always `h264`.
        profile: profile_idc: 66 Baseline, 77 Main, 100 High.
        level: level_idc, ten times the level's number.
        width: In pixels, after cropping.
        height: In pixels, after cropping.
        bit_depth: Bits of a luma sample; more than 8 is beyond what platforms decode.
        chroma_format: chroma_format_idc: 1 is 4:2:0, the one that platforms decode.
        interlaced: Whether pictures may be coded as fields.
        frame_rate: Mean pictures per second.
        variable_frame_rate: Some picture lasts much longer or shorter than the mean: by a tenth, and by more than 2 ms.
        keyframe_interval_ms: Mean distance of keyframes, in milliseconds.
        max_keyframe_interval_ms: The largest distance of keyframes, the way from the last one to the end included, in
            milliseconds.
        first_is_idr: Whether the first picture is an IDR. `None` when that could not be read.
        open_gop: Whether a keyframe behind the first is no IDR, so that pictures behind it may need those before it. `None`
            when there is none, or it could not be read. Eight are looked at.
        samples: How many pictures there are.
        bitrate: Mean bits per second.
        peak_bitrate: Bits in the fullest second, counted from the first sample.
        decode_delay_ms: How long the first picture is decoded before it is shown, in milliseconds.
        reordered: Pictures are shown in another order than they are decoded.
        configs: How many decoder configurations there are.
    """

    codec: str
    profile: int
    level: int
    width: int
    height: int
    bit_depth: int
    chroma_format: int
    interlaced: bool
    frame_rate: float
    variable_frame_rate: bool
    keyframe_interval_ms: int
    max_keyframe_interval_ms: int
    first_is_idr: bool | None
    open_gop: bool | None
    samples: int
    bitrate: int
    peak_bitrate: int
    decode_delay_ms: int
    reordered: bool
    configs: int
