"""Runs the contenders: streambro in one process, the others in a process for each stream."""

import json
import os
import subprocess
import time
from pathlib import Path

from . import host

TICKS = os.sysconf("SC_CLK_TCK")
SETTLE = 3
# Of the clip.
FRAMES_PER_SECOND = 30

FFMPEG = {
    "ffmpeg -c copy": [],
    "ffmpeg, bufsize 6M, queue 9999": ["-bufsize", "6M", "-max_muxing_queue_size", "9999"],
    "ffmpeg, bufsize 2M, queue 1024": ["-bufsize", "2M", "-max_muxing_queue_size", "1024"],
}
PLAIN = "ffmpeg -c copy"
GSTREAMER = "GStreamer rtmp2sink"
STREAMBRO = "streambro"


def streambro(streams, seconds, *arguments, film=None):
    """Measures streambro. Returns its figures, its faults, and all that the program said."""
    arguments = ["--streams", streams, "--seconds", seconds, *arguments, *(["--file", film] if film else [])]
    found, code = host.density(arguments)
    faults = list(found["faults"])
    if code != 0 and not faults:
        faults.append(f"density ended with {code}; {found['early_over_200_ms']} packets were over 200 ms early")
    figures = {
        "cpu_percent": found["cpu_percent_of_a_core_each"],
        "resident": found["resident_bytes"] / streams,
        "resident_all": found["resident_bytes"],
        "private": found["anonymous_bytes"] / streams,
        "private_all": found["anonymous_bytes"],
        "slope": found["anonymous_bytes_each_slope"],
        "bits_per_second": found["bits_per_second_each"],
        "kernel_send_queue": found["kernel_send_queue_bytes"] / streams,
        "calls": found["reads_and_writes_each_second"],
        "switches": found["context_switches_each_second"],
        "late_p50_ms": found["late_ms"]["p50"],
        "late_p99_ms": found["late_ms"]["p99"],
        "late_max_ms": found["late_ms"]["max"],
        "first_byte_p50_ms": found["first_byte_ms"]["p50"],
        "first_byte_p99_ms": found["first_byte_ms"]["p99"],
        "sink_cpu_percent": found["sink_cpu_percent_of_a_core_each"],
        "frames": found["frames"]["received"],
    }
    return figures, faults, found


def processes(name, command, streams, seconds):
    """Measures one process for each stream; `command` makes its arguments from a URL."""
    sink = subprocess.Popen([host.DENSITY, "--sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    children = []
    try:
        port = json.loads(sink.stdout.readline())["port"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = time.monotonic()
        for number in range(streams):
            children.append(subprocess.Popen(command(f"rtmp://127.0.0.1:{port}/live/s{number}"), **quiet))
        time.sleep(SETTLE)
        before, clock = [cpu(child.pid) for child in children], time.monotonic()
        time.sleep(seconds)
        after, passed = [cpu(child.pid) for child in children], time.monotonic() - clock
        memory = [smaps(child.pid) for child in children]
        ran = time.monotonic() - started
    finally:
        for child in children:
            child.kill()
            child.wait()
        sink.stdin.write("report\n")
        sink.stdin.flush()
        received = json.loads(sink.stdout.readline())["received"]
        sink.wait()
    frames = sorted(book["video"] for book in received.values())
    faults = []
    # Start-up takes a second or two.
    if len(frames) < streams or frames[0] < (ran - 3) * FRAMES_PER_SECOND:
        faults.append(f"{name}: {streams} streams ran for {ran:.0f} s, and the sink got these frames: {frames}")
    private = sum(found["Private_Clean"] + found["Private_Dirty"] for found in memory)
    return {
        "cpu_percent": (sum(after) - sum(before)) / passed / streams * 100,
        "resident": sum(found["Rss"] for found in memory) / streams,
        "resident_all": sum(found["Rss"] for found in memory),
        "private": private / streams,
        "private_all": private,
        "bits_per_second": sum(book["bytes"] for book in received.values()) * 8 / ran / streams,
    }, faults


def ffmpeg(clip, flags, url):
    return ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", *flags,
            "-f", "flv", url]


def gstreamer(film, url):
    """A film longer than the measurement: filesrc does not loop."""
    pipeline = f"filesrc location={film} ! qtdemux name=d flvmux name=m streamable=true ! rtmp2sink location={url}"
    return ["gst-launch-1.0", "-q", *pipeline.split(), *"d.video_0 ! queue ! h264parse ! m.".split(),
            *"d.audio_0 ! queue ! aacparse ! m.".split()]


def cpu(pid):
    """Processor seconds of a process so far; 0 for one that has ended badly, which the sink's books tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def smaps(pid):
    """Bytes of each kind of memory of a process."""
    empty = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return empty
    return empty | {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
