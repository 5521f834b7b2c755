"""What the receiver got, judged by ffmpeg and ffprobe."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from peers import ffmpeg, output
from waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from peers import Nginx


@dataclass(frozen=True, kw_only=True)
class Film:
    """What a recording holds: seconds from its first packet to its last, and packets of each track."""

    seconds: float
    video: int
    audio: int


def check_recording(path: Path) -> Film:
    """Fails with AssertionError unless the recording is whole. Blocks while ffmpeg decodes it.

    It must have both tracks, times that only grow in each, and nothing that a decoder complains about.
    """
    packets = _packets(path)
    times = {track: [ms for name, ms in packets if name == track] for track in ("video", "audio")}
    for track, list_of_ms in times.items():
        if not list_of_ms:
            raise AssertionError(f"{path.name} has no {track}")
        for before, after in pairwise(list_of_ms):
            if after <= before:
                raise AssertionError(f"{path.name}: {track} goes from {before} to {after} ms")
    # In one thread: with two, ffmpeg 5.1 says nothing of a damaged picture in one of six runs.
    # In milliseconds: with times in whole pictures it takes two that are 33 ms apart for the same.
    ffmpeg("-xerror", "-threads", "1", "-i", path, "-enc_time_base", "1:1000", "-f", "null", "-")
    every = [ms for list_of_ms in times.values() for ms in list_of_ms]
    seconds = (max(every) - min(every)) / 1000
    return Film(seconds=seconds, video=len(times["video"]), audio=len(times["audio"]))


def wait_until_published(nginx: Nginx, key: str, size: int = 1, bound: float = 30) -> None:
    """Waits until the server has recorded `size` bytes of a key. Blocks for at most `bound` seconds."""

    def recorded() -> bool:
        return sum(file.stat().st_size for file in nginx.recordings(key)) >= size

    wait_until(recorded, bound, f"{size} bytes of {key} are recorded")


def said_goodbye(nginx: Nginx, key: str) -> bool:
    """Whether every publisher of a key that has left took its stream down before it closed the connection."""
    log = nginx.log()
    connections = re.findall(rf"\*(\d+) publish: name='{re.escape(key)}' ", log)
    words = [re.findall(rf"\*{number} (deleteStream|disconnect)\b", log) for number in connections]
    # nginx deletes the stream of a lost connection too, but behind it.
    return bool(words) and all(of_one[:1] == ["deleteStream"] for of_one in words)


def _packets(path: Path) -> list[tuple[str, int]]:
    """Track and decode time in ms of each packet, in file order. FLV counts in ms."""
    words = ("-v", "error", "-of", "json", "-show_entries", "packet=codec_type,dts", path)
    packets = json.loads(output("ffprobe", *words))["packets"]
    return [(packet["codec_type"], packet["dts"]) for packet in packets]
