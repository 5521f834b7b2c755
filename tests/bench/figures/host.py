"""The machine, and the programs on it."""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPO / "target"))
DENSITY = TARGET / "release" / "density"
REMUX = TARGET / "release" / "remux"
CLIP = REPO / "examples" / "media" / "clip.mp4"
CLIP_SECONDS = 8


class Missing(Exception):
    """What this machine lacks for a section."""


def build(*arguments):
    subprocess.run(["cargo", "build", "-q", "--locked", *arguments], cwd=REPO, check=True)


def build_programs(*names):
    """Builds those of the examples, or all."""
    build("--release", "-p", "streambro-examples", *(word for name in names for word in ("--bin", name)))


def machine():
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release().split('-')[0]}"


def version(program, *arguments):
    """The first line of what a program says of its version, or None where it is missing."""
    if not shutil.which(program):
        return None
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.splitlines()[0].split(" Copyright")[0].strip() if done.stdout else program


def has_gstreamer():
    if not shutil.which("gst-launch-1.0"):
        return False
    elements = ["qtdemux", "flvmux", "rtmp2sink", "h264parse", "aacparse"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return all(subprocess.run(["gst-inspect-1.0", name], **quiet).returncode == 0 for name in elements)


@contextmanager
def slow_disk(film, bytes_per_second):
    """Mounts a film as if it lay on a slow disk, and yields where it is."""
    build("-p", "streambro-tests", "--bin", "slow-fs")
    with tempfile.TemporaryDirectory(prefix="streambro-slow-") as point:
        command = [TARGET / "debug" / "slow-fs", point, film, "--bytes-per-second", str(bytes_per_second)]
        disk = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            place = disk.stdout.readline().strip()
            if not place:
                raise Missing("no FUSE" if disk.wait() == 3 else "the slow disk could not be mounted")
            yield Path(place)
        finally:
            # It unmounts when its input ends; its watcher does when it is killed.
            disk.stdin.close()
            try:
                disk.wait(10)
            except subprocess.TimeoutExpired:
                disk.kill()
                disk.wait()


def density(arguments, patience=400):
    """Runs the density program and returns its object; what it says on standard error is shown."""
    command = [DENSITY, *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=patience)
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise RuntimeError(f"{' '.join(map(str, command))} failed")
    return json.loads(lines[-1]), done.returncode
