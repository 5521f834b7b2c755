"""x264 at 720p30: streambro's command against the one that guides give, and what is made of the figures."""

import hashlib
import json
import os
import shlex
import subprocess
import tempfile
import threading
import time

from . import contenders, host, maths
from .checks import show, verdict
from .tables import table

OURS, THEIRS = "streambro, Lean", "the guide's command"
SECONDS, QUICK = 20, 6
FPS, WIDTH, HEIGHT = 30, 1280, 720
# How often memory is looked at, in seconds.
LOOK = 0.05

# Percent of the other's, and SSIM that may be lost: what the measurement is unsure of. The count of threads alone
# moves it by 0.00003 (measured with 1, 2 and 6), half the lookahead by 0.0005.
BOUNDS = {"cpu": 95, "private": 85, "bitrate": 2, "ssim": 0.0001}
# For one short run beside other work.
WIDE = {"cpu": 125, "private": 100, "bitrate": 5, "ssim": 0.005}


def clip(seconds):
    """1080p30 that is work to encode: a zoom into detail, hard moving edges and a little noise; AAC at 48 kHz.

    Every part is a function of its time, so equal commands give the same film. Made once, kept below the target
    directory.
    """
    pictures = (
        "[0]scale=1920:1080,format=yuv420p[zoom];[1]format=yuv420p[edges];"
        "[zoom][edges]blend=all_mode=average,noise=alls=5:all_seed=1:allf=t[v]"
    )
    command = [
        "ffmpeg", "-nostdin", "-v", "error", "-y", "-filter_complex_threads", "1",
        "-f", "lavfi", "-i", f"mandelbrot=s=960x540:r={FPS}:maxiter=300:end_pts=1200",
        "-f", "lavfi", "-i", f"testsrc2=s=1920x1080:r={FPS}",
        "-f", "lavfi", "-i", "aevalsrc='0.3*sin(2*PI*(220+40*t)*t)':s=48000:c=stereo",
        "-filter_complex", pictures, "-map", "[v]", "-map", "2:a", "-t", str(seconds),
        "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-g", "60",
        "-b:v", "10M", "-maxrate", "12M", "-bufsize", "20M", "-c:a", "aac", "-b:a", "128k",
        "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
    ]  # fmt: skip
    folder = host.TARGET / "rig" / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.md5(chr(0).join(command).encode()).hexdigest()}.mp4"
    if not path.exists():
        part = folder / f"{path.stem}.{os.getpid()}.part.mp4"
        subprocess.run([*command, part], check=True)
        part.rename(path)
    return path


def ours(film):
    """What the library's public `command` says, with the default memory profile."""
    program = host.TARGET / "debug" / "encode-command"
    return json.loads(subprocess.run([program, film], check=True, stdout=subprocess.PIPE, text=True).stdout)


def theirs(film):
    """What guides give for a steady 720p30 stream of 3 Mb/s by one ffmpeg: constant bit rate with a buffer of two
    seconds, a keyframe every two seconds and none between, a long muxing queue, threads as ffmpeg likes.

    Without `-re`: processor time is not about the clock. The output is a pipe for both, so that no network is in it.
    """
    return [
        "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-i", str(film),
        "-c:v", "libx264", "-preset", "veryfast", "-b:v", "3000k", "-maxrate", "3000k", "-bufsize", "6000k",
        "-pix_fmt", "yuv420p", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0",
        "-r", str(FPS), "-vf", f"scale={WIDTH}:{HEIGHT}",
        "-c:a", "aac", "-b:a", "128k", "-ar", "44100", "-max_muxing_queue_size", "9999", "-f", "flv", "pipe:1",
    ]  # fmt: skip


def shown(command, film):
    return shlex.join(command).replace(str(film), "CLIP")


def pair(number, commands):
    """One run of each, the first last in every other pair. Returns their rows."""
    order = list(commands) if number % 2 == 0 else list(reversed(commands))
    rows = {}
    for name in order:
        figures, faults = run(name, commands[name])
        rows[name] = row(name, figures, faults)
    return [rows[name] for name in commands]


def row(name, figures, faults):
    return {"section": "encode", "name": name, "streams": 1, "figures": figures, "faults": faults}


def run(name, command, keep=None):
    """Runs a command to its end with its output read. Returns what it cost, and faults."""
    looks, faults, counted = [], [], [0]
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        looks.append(contenders.smaps(child.pid))
        ended = threading.Event()
        threads = [
            threading.Thread(target=drain, args=(child.stdout, keep, counted)),
            threading.Thread(target=watch, args=(child.pid, ended, looks)),
        ]
        for thread in threads:
            thread.start()
        # Not `child.wait`: that keeps what the process has used to itself.
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - began
        ended.set()
        for thread in threads:
            thread.join()
        child.stdout.close()
        if child.returncode != 0:
            log.seek(0)
            faults.append(f"{name} ended with {child.returncode}: {log.read()[-500:].decode(errors='replace').strip()}")
    figures = {"cpu_seconds": used.ru_utime + used.ru_stime, "user": used.ru_utime, "system": used.ru_stime}
    figures |= {"took": took, "bytes": counted[0], **memory(looks)}
    if figures["private"] is None:
        faults.append(f"{name} ended before its memory was seen")
    return figures, faults


def drain(pipe, keep, counted):
    sink = keep.open("wb") if keep else None
    while block := pipe.read1(1 << 16):
        counted[0] += len(block)
        if sink:
            sink.write(block)
    if sink:
        sink.close()


def watch(pid, ended, looks):
    while not ended.wait(LOOK):
        looks.append(contenders.smaps(pid))


def memory(looks):
    """The peaks of what was seen of a process, and the middle of its private memory, in bytes."""
    # What is about to be reaped has no pages.
    looks = [look for look in looks if look["Rss"] > 0]
    private = [look["Private_Clean"] + look["Private_Dirty"] for look in looks]
    peak = lambda name: max((look.get(name, 0) for look in looks), default=None)
    return {"private": max(private, default=None), "private_middle": maths.middle(private),
            "private_dirty": peak("Private_Dirty"), "resident": peak("Rss")}


def quality(name, command, film, seconds, path):
    """What a command makes of the film: frames, size, bits a second of the picture, SSIM against the scaled film."""
    _, faults = run(name, command, path)
    entries = "stream=width,height:packet=size"
    probe = ["ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", "-show_entries", entries, path]
    found = json.loads(subprocess.run(probe, stdout=subprocess.PIPE, text=True).stdout or "{}")
    sizes = [int(packet["size"]) for packet in found.get("packets", [])]
    [stream, *_] = found.get("streams") or [{}]
    faults += unlike(name, len(sizes), seconds * FPS, (stream.get("width"), stream.get("height")))
    return {"frames": len(sizes), "bits_per_second": sum(sizes) * 8 / seconds,
            "ssim": None if faults else ssim(path, film), "faults": faults}


def unlike(name, frames, due, size):
    """Faults of an output that cannot be compared frame by frame."""
    faults = []
    if frames != due:
        faults.append(f"{name} made {frames} pictures of {due}")
    if size != (WIDTH, HEIGHT):
        faults.append(f"{name} made pictures of {size[0]}x{size[1]}")
    return faults


def ssim(path, film):
    """Frame by frame, whatever times they have."""
    graph = (
        f"[0:v]setpts=N/{FPS}/TB[made];"
        f"[1:v]scale={WIDTH}:{HEIGHT}:flags=bicubic,format=yuv420p,setpts=N/{FPS}/TB[film];"
        "[made][film]ssim"
    )
    inputs = ["-i", path, "-i", film]
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", *inputs, "-lavfi", graph, "-f", "null", "-"]
    done = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
    return told_ssim(done.stderr)


def told_ssim(log):
    """The figure of all planes among what ffmpeg says; None where it says none."""
    for line in log.splitlines():
        if " SSIM " in line and " All:" in line:
            return float(line.split(" All:")[1].split()[0])
    return None


def judged(runs, quality, bounds):
    """Rows, ratios pair by pair, and what must hold."""
    rows = maths.merge(runs)
    figures = {row["name"]: row["figures"] for row in rows}
    ratios = {}
    for name in ("cpu_seconds", "private", "private_middle", "private_dirty"):
        mine, other = figures[OURS][name], figures[THEIRS][name]
        each = [percent(a, b) for a, b in zip(mine["values"], other["values"])]
        ratios[name] = {"median": maths.middle(each), "values": each}
    faults = [fault for row in rows for fault in row["faults"]]
    faults += [fault for found in quality.values() for fault in found["faults"]]
    return {"rows": rows, "ratios_percent": ratios, "quality": quality, "faults": faults,
            "checks": checks(ratios, quality[OURS], quality[THEIRS], faults, bounds)}


def percent(above, below):
    return None if above is None or not below else above / below * 100


def checks(ratios, mine, other, faults, bounds):
    apart = percent(mine["bits_per_second"] - other["bits_per_second"], other["bits_per_second"])
    both = None not in (mine["ssim"], other["ssim"])
    gained = mine["ssim"] - other["ssim"] if both else None
    line = lambda what, figure, text, bound, holds: {
        "what": what, "figure": figure, "text": text if figure is not None else "–", "bound": bound, "skipped": None,
        # A figure that could not be had is a fault, not a step left out.
        "holds": figure is not None and holds(figure)}
    cpu, private = ratios["cpu_seconds"]["median"], ratios["private"]["median"]
    return [
        line("processor time: ours / theirs", cpu, f"{cpu or 0:.1f} %", f"≤ {bounds['cpu']} %",
             lambda found: found <= bounds["cpu"]),
        line("private memory, peak: ours / theirs", private, f"{private or 0:.1f} %", f"≤ {bounds['private']} %",
             lambda found: found <= bounds["private"]),
        line("bit rate of the picture: ours beside theirs", apart, f"{apart or 0:+.2f} %",
             f"within {bounds['bitrate']} %", lambda found: abs(found) <= bounds["bitrate"]),
        line("SSIM: ours less theirs", gained, f"{gained or 0:+.4f}", f"≥ -{bounds['ssim']}",
             lambda found: found >= -bounds["ssim"]),
        line("faults", len(faults), str(len(faults)), "none", lambda found: found == 0),
    ]


def markdown(report):
    ratios = report["ratios_percent"]
    held = table(["what", "measured", "bound", ""],
                 [[line["what"], line["text"], line["bound"], verdict(line)] for line in report["checks"]])
    lines = [contender(row["figures"], row["name"], report["quality"][row["name"]]) for row in report["rows"]]
    side = table(["contender", "processor time", "of it system", "private memory, peak", "its middle",
                  "private and written to, peak", "resident, peak", "picture", "SSIM"], lines)
    each = table(["pair", *(str(number + 1) for number in range(report["pairs"]))],
                 [[what, *("–" if value is None else f"{value:.1f} %" for value in ratios[name]["values"])]
                  for what, name in (("processor time", "cpu_seconds"), ("private memory, peak", "private"))])
    commands = "\n\n".join(f"{name}:\n\n```sh\n{command}\n```" for name, command in report["commands"].items())
    many = f"medians of {report['pairs']} pairs" if report["pairs"] > 1 else "one pair"
    parts = [
        f"Measured on {report['date']} on {report['machine']}; {report['ffmpeg']}; {many}, "
        f"{report['clip_seconds']} s of film. MB are 1,048,576 bytes.",
        "### What must hold", held, "### Side by side", side, "### Ratios, pair by pair", each,
        "### The commands", commands,
    ]
    if report["faults"]:
        parts.append("Faults:\n\n" + "\n".join(f"- {fault}" for fault in report["faults"]))
    return "\n\n".join(parts) + "\n"


def contender(figures, name, made):
    middle = lambda figure: figures[figure]["median"]
    size = lambda figure: show(middle(figure), "MB")
    similar = "–" if made["ssim"] is None else f"{made['ssim']:.4f}"
    return [name, f"{middle('cpu_seconds'):.2f} s", f"{middle('system'):.2f} s", size("private"), size("private_middle"),
            size("private_dirty"), size("resident"), f"{made['bits_per_second'] / 1000:,.0f} kb/s", similar]
