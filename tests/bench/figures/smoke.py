"""What tests/run asks: every frame arrives, and ratios of one run within wide bounds."""

import shutil
import subprocess

from . import contenders, host

STREAMS, SECONDS, FFMPEGS = 200, 5, 3
SLOPE = 64 * 1024
# Of one ffmpeg's processor time; the benchmark proper asks for a twentieth.
SHARE = 1 / 3


def run(folder):
    """Returns the exit code."""
    clip = folder / "clip.mp4"
    subprocess.run([host.DENSITY, "--write-clip", clip], check=True)
    ours, faults, _ = contenders.streambro(STREAMS, SECONDS, film=clip)
    print(f"{STREAMS} streams: {ours['cpu_percent']:.3f} % and {ours['slope'] / 1024:.1f} KB each")
    if ours["slope"] > SLOPE:
        faults.append(f"a stream takes {ours['slope'] / 1024:.1f} KB, the bound is {SLOPE // 1024}")
    if shutil.which("ffmpeg"):
        command = lambda url: contenders.ffmpeg(clip, [], url)
        theirs, more = contenders.processes(contenders.PLAIN, command, FFMPEGS, SECONDS)
        faults += more
        print(f"{FFMPEGS} of ffmpeg: {theirs['cpu_percent']:.3f} % and {theirs['private'] / 1024:.0f} KB each")
        if ours["cpu_percent"] > theirs["cpu_percent"] * SHARE:
            faults.append("a stream takes more than a third of the processor time of one ffmpeg")
    for fault in faults:
        print(f"FAULT: {fault}")
    return 1 if faults else 0
