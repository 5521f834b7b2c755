"""What goes into streambro."""

# Made by generate.py from docs/schema/input.json: change nothing here.
# ruff: noqa: TC003 - the codec looks types up

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Annotated, ClassVar, Literal, TypeAlias, TypedDict

from ._wire import StrPath, Tag, label

__all__ = [
    "Admission",
    "AlertAction",
    "Alerts",
    "Allow",
    "AllowRule",
    "Append",
    "AtEnd",
    "Band",
    "Budget",
    "CivilTime",
    "Cue",
    "CustomMemory",
    "CustomPlatform",
    "Day",
    "Decode",
    "Destination",
    "DestinationPolicy",
    "Edit",
    "Encode",
    "Encoder",
    "Fps",
    "Insert",
    "Item",
    "ItemId",
    "Jump",
    "Lag",
    "Memory",
    "MissedStart",
    "Moment",
    "Move",
    "OnFailure",
    "OnMismatch",
    "Order",
    "Origin",
    "Platform",
    "PlatformProfile",
    "Playlist",
    "Preset",
    "Profile",
    "Queue",
    "Remove",
    "Renditions",
    "Repeat",
    "Replace",
    "ReplaceAll",
    "Resume",
    "Retry",
    "Roots",
    "Rotation",
    "Sandbox",
    "Schedule",
    "Secret",
    "SettingsDict",
    "Shuffle",
    "Size",
    "Source",
    "StreamSpec",
    "Times",
    "Trust",
    "Tune",
    "Video",
    "Window",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """Lets a stream wait in `"queued"`, its file open, until there is a place.

    Fields:
        max_waiting: How many may wait at once. Those beyond are refused.
    """

    max_waiting: int


Admission: TypeAlias = Literal["reject"] | Annotated[Queue, Tag("queue")]
"""What a manager does with a stream for which there is no place now.

Waiting streams come on the air by priority, then in the order of their starts. Nobody overtakes: what becomes free goes to the
first that waits, even if a later and smaller stream would fit and the first does not yet. So a stream that needs much does not
starve behind many that need little, at the price that room may stay empty until it fits. The one exception is a stream that
waits for a limit of its own, its user's or its host's: it lets others pass, but nobody of the same user or host. Priorities are
strict: whoever keeps starting streams with a high one keeps the others waiting.

A stream that asks for more than a limit allows by itself can never run: it is refused, not queued.

- `"reject"`: Refuses it with `LimitReachedError`.
- `Queue`: Lets a stream wait in `"queued"`, its file open, until there is a place.
"""


AlertAction: TypeAlias = Literal["warn", "restart", "stop"]
"""What should happen to a stream when an alert about it begins.

- `"warn"`: An event, and nothing else.
- `"restart"`: Its connections say goodbye and open anew at the same place in the media, which drops all that they held; once
  for each alert. Counted as reconnects, with the reason `"over_limit"`.
- `"stop"`: It ends, with the reason `"over_limit"`.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerts:
    """From when on a stream uses too much, and what to do then.

    Fields:
        action: What to do with the stream (default: warn)
        cpu_percent: Processor time, in percent of one core (default: 80)
        hold: So many samples in a row (default: 1)
        memory_bytes: Memory, in bytes (default: 500,000,000)
    """

    action: AlertAction | None = None
    cpu_percent: float = 80.0
    hold: int = 1
    memory_bytes: int = 500_000_000


AllowRule: TypeAlias = str
"""One line of an allow list: a host, `*.example.com` for every one below it, an address, or a network such as `10.0.0.0/8`."""


AtEnd: TypeAlias = Literal["finish", "hold"]
"""What happens when nothing follows in a playlist.

- `"finish"`: The stream ends.
- `"hold"`: The picture stands still until something is added.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """Bitrates of the picture for one size and frame rate, in bits per second.

    Fields:
        lines: Lines of the smallest picture that it is for; columns if it is upright.
        fps: Pictures per second of the fastest one that it is for.
        max: More is too much (default: `None`)
        min: Less is too little (default: `None`)
    """

    lines: int
    fps: int
    max: int | None = None
    min: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """So many failures in so long.

    Fields:
        attempts: So many failures.
        window_ms: In so long, in milliseconds.
    """

    attempts: int
    window_ms: int


CivilTime: TypeAlias = str | time
"""What a clock on the wall shows: a `time` without a zone, or a text such as `22:00` or `22:00:30`."""


Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
"""A day of the week."""


Decode: TypeAlias = Literal["auto", "software", "device"]
"""What decodes the source.

- `"auto"`: With a hardware encoder its device first, and the processor when that fails; with libx264 the processor.
- `"software"`: The processor.
- `"device"`: The encoder's device; with libx264 whatever hardware ffmpeg finds.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """An RTMP(S) ingest and the key that opens it.

    Fields:
        url: Server and application, such as `rtmps://a.rtmps.youtube.com/live2`.
        key: The stream key.
        backup: The URL of the same server's other way in (default: `None`)
        lag: What happens when it lags (default: it is waited for, 10 s at most)
        rotation: When its connection is made anew (default: before the protocol's limits only)
        trust: Which certificates the server may show (default: those that the system trusts)
    """

    url: str
    key: Secret = field(repr=False)
    backup: str | None = None
    lag: Lag | None = None
    rotation: Rotation | None = None
    trust: Trust = "system"

    def __repr__(self) -> str:
        """Shows no key, and of the URL no more than logs do."""
        return f"Destination(url={label(self.url)!r})"


@dataclass(frozen=True, slots=True)
class Allow:
    """Allows only what one of the rules names."""

    rules: Sequence[AllowRule]


DestinationPolicy: TypeAlias = Literal["any", "public"] | Annotated[Allow, Tag("allow", bare=True)]
"""Which destinations a manager allows.

Addresses are checked after name resolution, and again at every reconnect: a name that pointed at a public host yesterday may
point into the private network today.

- `"any"`: Any address.
- `"public"`: Globally routable addresses only: no loopback, private, link-local, multicast or documentation ranges.
- `Allow`: Allows only what one of the rules names.
"""


@dataclass(frozen=True, slots=True)
class Append:
    """Adds an item behind all others."""

    item: Item


@dataclass(frozen=True, kw_only=True, slots=True)
class Insert:
    """Adds an item before another one.

    Fields:
        before: The other one.
        item: What is added.
    """

    before: ItemId
    item: Item


@dataclass(frozen=True, slots=True)
class Remove:
    """Takes an item away."""

    id: ItemId


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Moves an item.

    Fields:
        id: Which.
        before: Before which; `None` is behind all others (default: `None`)
    """

    id: ItemId
    before: ItemId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Replace:
    """Puts something else in the place of an item, under its number.

    Fields:
        id: Which.
        item: What is there instead.
    """

    id: ItemId
    item: Item


@dataclass(frozen=True, slots=True)
class ReplaceAll:
    """Puts another list in the place of this one. It begins when what plays now has ended."""

    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Cue:
    """Lets an item play next, and those behind it after that."""

    id: ItemId


@dataclass(frozen=True, slots=True)
class Jump:
    """Ends what plays now, and goes on with this item."""

    id: ItemId


Edit: TypeAlias = (
    Literal["skip"]
    | Annotated[Append, Tag("append", bare=True)]
    | Annotated[Insert, Tag("insert")]
    | Annotated[Remove, Tag("remove", bare=True)]
    | Annotated[Move, Tag("move")]
    | Annotated[Replace, Tag("replace")]
    | Annotated[ReplaceAll, Tag("replace_all", bare=True)]
    | Annotated[Cue, Tag("cue", bare=True)]
    | Annotated[Jump, Tag("jump", bare=True)]
)
"""One change of a playlist that plays. None makes a new connection.

What plays now goes on to its end, whatever becomes of it in the list; only `"skip"` and `Jump` end it sooner, at its next
keyframe.

- `Append`: Adds an item behind all others.
- `Insert`: Adds an item before another one.
- `Remove`: Takes an item away.
- `Move`: Moves an item.
- `Replace`: Puts something else in the place of an item, under its number.
- `ReplaceAll`: Puts another list in the place of this one. It begins when what plays now has ended.
- `Cue`: Lets an item play next, and those behind it after that.
- `"skip"`: Ends what plays now.
- `Jump`: Ends what plays now, and goes on with this item.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encode:
    """How a source is encoded: H.264 in 8-bit 4:2:0 and AAC, which every RTMP platform takes.

    What is not said about size and frame rate stays as it is in the source.

    Fields:
        audio_bitrate: Bits per second of the sound (default: 128,000)
        bitrate: Bits per second of the picture (default: by size and frame rate)
        buffer: The size of the rate control buffer, in bits (default: twice the bitrate)
        channels: Channels of the sound, 1 or 2 (default: 2)
        decode: What decodes (default: a device where that works)
        device: The device that encodes, such as `/dev/dri/renderD128`; of NVENC the number of the card (default: the first)
        encoder: What encodes (default: the first that works)
        fps: Pictures per second (default: as they are)
        keyframe_interval_ms: The time between keyframes, in milliseconds (default: 2,000)
        live: Whether every lap is encoded anew; else the first is kept and copied (default: `None`)
        max_bitrate: The most bits per second (default: the bitrate)
        memory: How much memory ffmpeg may use (default: lean)
        preset: How much time the encoder takes for quality (default: as much as this host has for it)
        profile: The profile of H.264 (default: high)
        raw: Options of ffmpeg, as they are. Only where the manager allows it (default: `()`)
        sample_rate: Samples per second of the sound (default: 44,100)
        size: The size of the picture (default: as it is)
        tune: What the picture is like (default: nothing is said)
    """

    audio_bitrate: int | None = None
    bitrate: int | None = None
    buffer: int | None = None
    channels: int | None = None
    decode: Decode | None = None
    device: str | None = None
    encoder: Encoder = "auto"
    fps: Fps | None = None
    keyframe_interval_ms: int | None = None
    live: bool | None = None
    max_bitrate: int | None = None
    memory: Memory | None = None
    preset: Preset | None = None
    profile: Profile | None = None
    raw: Sequence[str] = ()
    sample_rate: int | None = None
    size: Size | None = None
    tune: Tune | None = None


Encoder: TypeAlias = Literal["auto", "x264", "nvenc", "qsv", "videotoolbox", "vaapi"]
"""What encodes the picture.

- `"auto"`: The first that works here, of the order that the manager was given.
- `"x264"`: libx264, on the processor.
- `"nvenc"`: NVIDIA's.
- `"qsv"`: Intel's Quick Sync Video.
- `"videotoolbox"`: Apple's.
- `"vaapi"`: Whatever the Video Acceleration API drives: Intel's, AMD's.
"""


Fps: TypeAlias = int | str
"""Pictures a second: a number such as 30, or a fraction such as "30000/1001"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One file of a playlist, or a part of it.

    Fields:
        file: The file.
        from_ms: Where in it it begins, in milliseconds; at the next keyframe (default: `None`)
        to_ms: Where in it it ends, in milliseconds (default: `None`)
    """

    file: StrPath
    from_ms: int | None = None
    to_ms: int | None = None


ItemId: TypeAlias = int
"""The number of an item in a playlist that plays: from 0 in the order of the spec, then one more for each that is added. A
number is never used again while the stream runs.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lag:
    """What happens when a destination takes less than there is, beyond what catching up can mend.

    Fields:
        most_ms: Lag beyond this is given up, in milliseconds.
        skip: Whether content is left out then; else the clock moves (default: `False`)
    """

    most_ms: int
    skip: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomMemory:
    """Queues and threads as said.

    Fields:
        queue: Packets that may wait for the writer (`-max_muxing_queue_size`), 8 to 65,536.
        threads: Threads for each of decoding, filtering and encoding, up to 64; 0 leaves it to ffmpeg.
    """

    queue: int
    threads: int


Memory: TypeAlias = Literal["lean", "roomy"] | Annotated[CustomMemory, Tag("custom")]
"""How much memory and how many threads ffmpeg gets.

- `"lean"`: Queues of 1,024 packets and one thread each for decoding, filtering and encoding: 20 % less private memory and 14 %
  less processor time than ffmpeg's own counts (libx264 720p30), at the price of at most one core for each.
- `"roomy"`: Queues of 2,048 packets and ffmpeg's own thread counts: for pictures that one core cannot encode in time.
- `CustomMemory`: Queues and threads as said.
"""


MissedStart: TypeAlias = Literal["start_late", "skip"]
"""What happens when a start was missed by more than a minute, because the host was down or asleep.

- `"start_late"`: The stream starts late, if its time is not over yet. Of several that were missed there is one start.
- `"skip"`: The stream waits for its next window.
"""


Moment: TypeAlias = str | datetime
"""An instant: a `datetime` with a zone, or a text such as `2026-12-24T18:00:00+01:00` (RFC 3339) or
`2026-12-24T18:00[Europe/Berlin]`.
"""


OnFailure: TypeAlias = Literal["skip", "hold"]
"""What happens when an item of a playlist cannot be opened or read, or cannot join what plays.

- `"skip"`: The next one plays.
- `"hold"`: The picture stands still until it is there; one that failed on the way goes on where it was.
"""


OnMismatch: TypeAlias = Literal["refuse", "render"]
"""What happens when an item of a playlist has another size, or another sample rate, number of channels or kind of AAC, than the
first one: no receiver takes that on one connection.

- `"refuse"`: It is refused: by `start` if it is among the first two, by an edit that adds it, else when its turn comes.
- `"render"`: ffmpeg makes it alike. With `StreamManager(renditions=...)` it does that once.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shuffle:
    """Another order each time.

    Fields:
        seed: What the orders follow from.
    """

    seed: int


Order: TypeAlias = Literal["sequential"] | Annotated[Shuffle, Tag("shuffle")]
"""In which order a playlist plays.

- `"sequential"`: As it is written.
- `Shuffle`: Another order each time.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where numbers are from.

    Fields:
        url: The page.
        read: The day on which it was read, as YYYY-MM-DD.
    """

    url: str
    read: str


@dataclass(frozen=True, slots=True)
class CustomPlatform:
    """Any other platform, with what it asks for."""

    profile: PlatformProfile


Platform: TypeAlias = Literal["youtube", "twitch", "facebook", "kick"] | Annotated[CustomPlatform, Tag("custom", bare=True)]
"""A platform that streams are published to.

- `"youtube"`: YouTube Live.
- `"twitch"`: Twitch.
- `"facebook"`: Facebook Live.
- `"kick"`: Kick.
- `CustomPlatform`: Any other platform, with what it asks for.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformProfile:
    """What a platform asks of a stream. Rates are bits per second. What it does not say is `None` or empty.

    Fields:
        bands: Bitrates of the picture, by size and frame rate, the smallest first (default: `()`)
        keyframe_interval_ms: The distance of keyframes that it asks for, in milliseconds (default: `None`)
        max_audio_bitrate: The most bits of sound (default: `None`)
        max_channels: The most channels of sound (default: `None`)
        max_fps: The most pictures per second (default: `None`)
        max_keyframe_interval_ms: The longest distance of keyframes that it takes, in milliseconds (default: `None`)
        max_lines: The most lines of a picture; columns if it is upright (default: `None`)
        max_recorded_hours: It keeps no recording of a broadcast that lasts longer, in hours (default: `None`)
        max_session_hours: It ends a broadcast after so many hours (default: `None`)
        name: Its name for people (default: `""`)
        sample_rates: Samples of sound per second that it takes. Empty: any (default: `()`)
        sources: Where the numbers are from (default: `()`)
    """

    bands: Sequence[Band] = ()
    keyframe_interval_ms: int | None = None
    max_audio_bitrate: int | None = None
    max_channels: int | None = None
    max_fps: int | None = None
    max_keyframe_interval_ms: int | None = None
    max_lines: int | None = None
    max_recorded_hours: int | None = None
    max_session_hours: int | None = None
    name: str = ""
    sample_rates: Sequence[int] = ()
    sources: Sequence[Origin] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Playlist:
    """Many files one after the other. How often all of them play is up to `Source.repeat`.

    Fields:
        items: What plays.
        at_end: What happens when nothing follows (default: `"finish"`)
        on_failure: What becomes of an item that cannot be played (default: `"skip"`)
        on_mismatch: What becomes of an item that does not fit (default: `"refuse"`)
        order: In which order (default: `"sequential"`)
    """

    items: Sequence[Item]
    at_end: AtEnd = "finish"
    on_failure: OnFailure = "skip"
    on_mismatch: OnMismatch = "refuse"
    order: Order = "sequential"


Preset: TypeAlias = Literal[
    "auto",
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
]
"""How much time the encoder takes for quality, by libx264's names. The slower, the better the picture at the same bitrate.

Other encoders have steps of their own: NVENC `p1` to `p7`, Quick Sync `veryfast` to `veryslow`, VAAPI a driver's numbers;
`"ultrafast"` and `"superfast"` are their fastest. VideoToolbox has none.

- `"auto"`: With libx264, the slowest of `"veryfast"`, `"superfast"` and `"ultrafast"` that is fast enough here: a trial of two
  seconds holds one and a half times real time. With hardware, its own middle.
- `"ultrafast"`: The fastest, with a visibly worse picture.
- `"superfast"`: Faster than `"veryfast"`.
- `"veryfast"`: What live encoding on a processor usually takes.
- `"faster"`: Slower than `"veryfast"`.
- `"fast"`: Slower than `"faster"`.
- `"medium"`: libx264's own default.
- `"slow"`: Slower than `"medium"`.
- `"slower"`: Slower than `"slow"`.
- `"veryslow"`: The slowest.
"""


Profile: TypeAlias = Literal["baseline", "main", "high"]
"""The H.264 profile.

- `"baseline"`: For players of the oldest kind.
- `"main"`: Between the two.
- `"high"`: What every platform recommends.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Renditions:
    """Where renditions are kept, and how many.

    Fields:
        dir: The directory.
        quota_bytes: The most that they take, in bytes.
    """

    dir: StrPath
    quota_bytes: int


@dataclass(frozen=True, slots=True)
class Times:
    """Plays so many times; at least once."""

    count: int


Repeat: TypeAlias = Literal["once", "forever"] | Annotated[Times, Tag("times", bare=True)]
"""How often a source plays.

- `"once"`: Once.
- `Times`: Plays so many times; at least once.
- `"forever"`: Until it is stopped.
"""


Resume: TypeAlias = Literal["position", "wall_clock", "item"]
"""Where the film goes on when no destination was on the air for a while.

- `"position"`: Where it was: nothing of it is lost.
- `"wall_clock"`: Where it would be by now: it keeps to the clock.
- `"item"`: At the beginning of the item that was on the air.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """What becomes of a destination that fails again and again.

    Delays between attempts are streambro's own: the first is at most half a second, each is about three times the one before,
    up to a minute; a minute at once where only people can mend it, as with a wrong key.

    Fields:
        budget: When a destination is given up (default: never)
    """

    budget: Budget | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotation:
    """A planned reconnect before a platform's limit ends the broadcast in the middle of a picture.

    Fields:
        every_ms: How old a connection gets, in milliseconds.
        pause_ms: How long it stays away, in milliseconds (default: 0)
    """

    every_ms: int
    pause_ms: int = 0


Sandbox: TypeAlias = Literal["off", "best_effort", "required"]
"""How much of the sandbox around ffmpeg must hold.

- `"off"`: None of it.
- `"best_effort"`: What this system has; the status says what that is.
- `"required"`: No new privileges, and no files but its own: where the kernel cannot do that (Landlock, Linux 5.13), nothing is
  started. The network is denied as well from Linux 6.7 on.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a stream is on the air: from a start to an end, and if it has windows, only inside of them.

    An instant is the same for everyone. A civil time is what a clock on the wall shows, in the schedule's zone: it follows the
    changes to and from summer time. Where a change leaves a civil time out, what begins or ends then does so as much later as
    the clock jumps; where one comes twice, the first counts. A duration is time that passes, in milliseconds, whatever any
    clock shows, also while the machine sleeps.

    Fields:
        end: When it ends for good (default: `None`)
        for_ms: How long it lasts from its start, in milliseconds. In place of an end (default: `None`)
        missed: What happens to a start that was missed (default: `"start_late"`)
        start: When it begins (default: when it is handed in)
        until: What the clock shows when it ends for good. In place of an end (default: `None`)
        windows: When it is on the air in between (default: all the time)
        zone: The IANA zone of its civil times, such as `Europe/Berlin` (default: UTC)
    """

    end: Moment | None = None
    for_ms: int | None = None
    missed: MissedStart = "start_late"
    start: Moment | None = None
    until: CivilTime | None = None
    windows: Sequence[Window] = ()
    zone: str | None = None


Secret: TypeAlias = str
"""A stream key. What comes out has `***` in its place."""


class SettingsDict(TypedDict, total=False):
    """What a `StreamManager` is told; what is left out stays at its default.

    Fields:
        admission: What happens to a stream for which there is no place (default: `"reject"`)
        alerts: From when on a stream uses too much (default: warn above 80 % of a core or 500 MB)
        allow_raw_options: Takes raw options of ffmpeg from specs (default: they are refused)
        destinations: Where streams may go (default: `"any"`)
        encoder_order: In which order encoders are tried (default: NVENC, Quick Sync, VideoToolbox, VAAPI, libx264)
        ffmpeg: The ffmpeg to use (default: the one on the path, if streams want one at all)
        ffmpeg_libraries: What else ffmpeg may read and execute (default: nothing)
        history: Records of runs (default: 1,000)
        keep_ended_ms: How long a stream that has ended can be looked at, in milliseconds (default: 60,000)
        keep_keys_in_clear: Keeps keys in `state_dir` as they are (default: they are not kept)
        log_lines: Lines of each stream's log (default: 100)
        max_bandwidth: What all streams send together, in bits per second (default: unlimited)
        max_encoder_sessions: The streams that hardware encoders encode at once, by encoder (default: 8 for NVENC, unlimited for
            the others)
        max_process_memory: The resident memory of the process beyond which nothing is started, in bytes (default: unlimited)
        max_stream_cpu: The estimated CPU of all streams, in percent of one core (default: unlimited)
        max_stream_memory: The estimated memory of all streams, in bytes (default: unlimited)
        max_streams: Streams at once (default: 20)
        max_streams_per_host: Destinations at each host (default: unlimited)
        max_streams_per_user: Streams at once of each user (default: 5)
        media_root: The directory outside of which no file is opened (default: any file may be opened)
        memory_reserve: What `capacity` leaves to others, in bytes (default: 500,000,000)
        monitor_every_ms: How often is measured what streams use, in milliseconds; 0 is never (default: 30,000)
        renditions: Where renditions are kept (default: nothing is kept)
        sandbox: How much of the sandbox around ffmpeg must hold (default: `"best_effort"`)
        set_invalid_state_aside: Begins anew when what is in `state_dir` cannot be used (default: it is refused, and nothing is
            touched)
        state_dir: The directory of the state (default: nothing is kept)
        unlimited: Lifts all limits but those that stand beside it (default: `False`)
    """

    admission: Admission | None
    alerts: Alerts | None
    allow_raw_options: bool
    destinations: DestinationPolicy | None
    encoder_order: Sequence[Encoder] | None
    ffmpeg: StrPath | None
    ffmpeg_libraries: Sequence[StrPath]
    history: int | None
    keep_ended_ms: int | None
    keep_keys_in_clear: bool
    log_lines: int | None
    max_bandwidth: int | None
    max_encoder_sessions: Mapping[Encoder, int]
    max_process_memory: int | None
    max_stream_cpu: int | None
    max_stream_memory: int | None
    max_streams: int | None
    max_streams_per_host: int | None
    max_streams_per_user: int | None
    media_root: StrPath | None
    memory_reserve: int | None
    monitor_every_ms: int | None
    renditions: Renditions | None
    sandbox: Sandbox | None
    set_invalid_state_aside: bool
    state_dir: StrPath | None
    unlimited: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """A picture's width and height.

    Fields:
        width: In pixels.
        height: In pixels.
    """

    width: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What plays.

    Fields:
        file: The file that plays. This, or a playlist (default: `None`)
        playlist: What plays one after the other (default: `None`)
        repeat: How often it plays (default: once)
        sound: What is heard instead of its own sound (default: `None`)
    """

    file: StrPath | None = None
    playlist: Playlist | None = None
    repeat: Repeat = "once"
    sound: Playlist | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamSpec:
    """What a caller wants on the air.

    Fields:
        v: The version of its JSON, which is 1.
        id: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
        source: What plays.
        destinations: Where it goes: 1 to 32.
        priority: Who goes first when streams wait for a place: higher before lower (default: 0)
        resume: Where the film goes on after an outage (default: where it was)
        retry: How long a destination that fails is tried again (default: for ever)
        schedule: When it is on the air (default: until it is stopped)
        user: The user whose limit it counts against (default: `None`)
        video: What happens to the picture (default: it is copied)
    """

    v: ClassVar[int] = 1
    id: str
    source: Source
    destinations: Sequence[Destination]
    priority: int | None = None
    resume: Resume | None = None
    retry: Retry | None = None
    schedule: Schedule | None = None
    user: str | None = None
    video: Video = "copy"


@dataclass(frozen=True, slots=True)
class Roots:
    """Trusts certificates that are signed by one of these roots, PEM text, for the host name of the URL."""

    pem: str


Trust: TypeAlias = Literal["system", "danger_any_certificate"] | Annotated[Roots, Tag("roots", bare=True)]
"""Which certificates an RTMPS server may show.

- `"system"`: Those that the operating system trusts, for the host name of the URL.
- `Roots`: Trusts certificates that are signed by one of these roots, PEM text, for the host name of the URL.
- `"danger_any_certificate"`: Any. Whoever sits between can read the key and the stream; every connection logs a warning.
"""


Tune: TypeAlias = Literal["film", "animation", "grain", "still_image", "fast_decode", "zero_latency"]
"""What the picture is like, by libx264's names.

- `"film"`: Film.
- `"animation"`: Drawn animation.
- `"grain"`: Film whose grain matters.
- `"still_image"`: Slides and stills.
- `"fast_decode"`: For weak players.
- `"zero_latency"`: Without delay in the encoder.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A stretch of time that comes again: each day, on some days of the week, or as cron says.

    Fields:
        cron: The same in the syntax of cron. In place of days and a begin (default: `None`)
        days: On which days (default: on every day)
        for_ms: How long a window lasts, in milliseconds. In place of an end (default: `None`)
        from_: When a window begins (default: `None`)
        until: When a window ends (default: `None`)
    """

    cron: str | None = None
    days: Sequence[Day] = ()
    for_ms: int | None = None
    from_: CivilTime | None = None
    until: CivilTime | None = None


Video: TypeAlias = Literal["copy"] | Annotated[Encode, Tag("encode")]
"""What happens to the picture.

- `"copy"`: It goes out as it is in the file.
- `Encode`: It is encoded by ffmpeg.
"""
