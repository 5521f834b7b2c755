"""Unpaced throughput: `remux` against `ffmpeg -c copy -f flv`."""

import subprocess
import time

from . import host


def pairs(film, count):
    """Seconds of ours and of ffmpeg's, in turn, `count` times, after one of each that does not count."""
    ours = [host.REMUX, film, "/dev/null"]
    theirs = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", film, "-c", "copy", "-f", "flv", "/dev/null"]
    clock(ours), clock(theirs)
    return [(clock(ours), clock(theirs)) for _ in range(count)]


def make_film(folder):
    """Ten minutes of the padded clip, as ffmpeg writes them."""
    clip, film = folder / "remux-clip.mp4", folder / "remux-film.mp4"
    subprocess.run([host.DENSITY, "--write-clip", clip], check=True)
    laps = ["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", "74", "-i", clip, "-c", "copy", film]
    subprocess.run(laps, check=True)
    return film


def clock(command):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
