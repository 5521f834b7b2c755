"""`streambro probe` and `streambro analyze`: what is in a file, and what becomes of it."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any, get_args

from rich.text import Text

from streambro._command._screen import STYLES, Screen, bit_rate, clock, in_options, say, shown
from streambro._input import Encode, Platform, Source
from streambro._media import platform, probe
from streambro._output import (
    Analysis,
    AudioInfo,
    CopyRoad,
    MediaInfo,
    Probe,
    RefusedRoad,
    Unsupported,
    VideoInfo,
)
from streambro._wire import to_json
from streambro.blocking import StreamManager

if TYPE_CHECKING:
    from argparse import Namespace

PLATFORMS: tuple[str, ...] = get_args(get_args(Platform)[0])

_PROFILES = {66: "Baseline", 77: "Main", 100: "High"}
_AAC = {2: "AAC-LC", 5: "HE-AAC", 29: "HE-AAC v2"}
_ROADS = {
    "copy": "as it is in the file",
    "remux": "as it is in the file, written anew by ffmpeg",
    "encode_audio": "the picture as it is in the file, the sound encoded by ffmpeg",
    "encode": "encoded by ffmpeg",
}


def run_probe(args: Namespace) -> int:
    """Says what is in a file."""
    found = probe(args.file)
    if args.json:
        say(to_json(found, Probe))
        return 0
    screen = Screen()
    if found.info:
        screen.facts([("file", shown(args.file)), *contents(found.info)])
    if not found.obstacles:
        say("it can go out as it is")
        return 0
    table = screen.table("in the way", "what it is")
    for obstacle in found.obstacles:
        table.add_row(*_obstacle(obstacle))
    screen.show(table)
    say(f"what can be done about it: streambro analyze {shown(shlex.quote(args.file))} PLATFORM")
    return 0


def contents(info: MediaInfo) -> list[tuple[str, str]]:
    """Returns what is in a file, by track."""
    length = clock(info.duration_ms / 1_000) + (", cut off before its end" if info.truncated else "")
    rows = [("container", f"{info.container.replace('_', ' ')}, {length}")]
    if info.video:
        rows.append(("video", _picture(info.video)))
    if info.audio:
        rows.append(("audio", _sound(info.audio)))
    return rows


def _picture(video: VideoInfo) -> str:
    profile = _PROFILES.get(video.profile, f"profile {video.profile}")
    peak, apart = bit_rate(video.peak_bitrate), video.max_keyframe_interval_ms / 1_000
    return (
        f"H.264 {profile} {video.level / 10:.1f}, {video.width}x{video.height}, {video.frame_rate:.4g} fps, "
        f"{bit_rate(video.bitrate)} (peak {peak}), keyframes up to {apart:.1f} s apart"
    )


def _sound(audio: AudioInfo) -> str:
    kind = _AAC.get(audio.object_type, f"AAC of type {audio.object_type}")
    return f"{kind}, {audio.sample_rate} Hz, channels: {audio.channels}, {bit_rate(audio.bitrate)}"


def _obstacle(obstacle: Unsupported) -> tuple[str, str]:
    if not dataclasses.is_dataclass(obstacle):
        # Of a kind that is newer than this command.
        return str(obstacle), ""
    # The fields follow with their values.
    about = " ".join((obstacle.__doc__ or type(obstacle).__name__).partition("Fields:")[0].split())
    values = [f"{field.name} {getattr(obstacle, field.name)}" for field in dataclasses.fields(obstacle)]
    return about, shown(", ".join(values))


def run_analyze(args: Namespace) -> int:
    """Says how a file would be sent, and what a platform would say to it."""
    screen, source = Screen(), Source(file=args.file, repeat="forever")
    with StreamManager(monitor_every_ms=0) as manager, screen.working("looking into the file", quiet=args.json):
        to: Any = args.to
        analysis = manager.analyze_for(source, to) if to in PLATFORMS else manager.analyze(source, to)
    if args.json:
        say(to_json(analysis, Analysis))
        return 0
    screen.facts([("file", shown(args.file)), ("rules", _rules(analysis)), *_road(analysis)])
    if not analysis.findings:
        say("there is nothing to say against it")
    else:
        table = screen.table("", "finding", "what it is about")
        for finding in analysis.findings:
            severity = Text(finding.severity, STYLES.get(finding.severity, ""))
            table.add_row(severity, finding.kind.replace("_", " "), in_options(finding.detail))
        screen.show(table)
    if analysis.suggestion:
        say(f"all of it mended: streambro live {shown(shlex.quote(args.file))} URL {_options(analysis.suggestion)}")
    return 0


def _rules(analysis: Analysis) -> str:
    if analysis.platform is None:
        return "those of most platforms, for the URL is of none that is known"
    return platform(analysis.platform).name


def _road(analysis: Analysis) -> list[tuple[str, str]]:
    if isinstance(analysis.road, RefusedRoad):
        return [("goes out", "not at all"), ("because", analysis.road.why), ("remedy", in_options(analysis.road.remedy))]
    how = [("goes out", _ROADS.get(str(analysis.plan), str(analysis.plan)))]
    return how if isinstance(analysis.road, CopyRoad) else [*how, ("because", analysis.road.why)]


def _options(encode: Encode) -> str:
    """How this command is told to encode like this: of other options a suggestion has none."""
    words = [f"--encoder {encode.encoder}"]
    if encode.size:
        words.append(f"--size {encode.size.width}x{encode.size.height}")
    if encode.fps:
        words.append(f"--fps {encode.fps}")
    if encode.bitrate:
        words.append(f"--bitrate {encode.bitrate}")
    return " ".join(words)
