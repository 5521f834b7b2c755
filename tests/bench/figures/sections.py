"""The sections of the benchmark. Each returns rows; what they mean is in `maths.merge`."""

import shutil
import subprocess

from . import contenders, host, remux
from .contenders import FFMPEG, GSTREAMER, PLAIN, STREAMBRO

FULL = {"ours": [1, 15, 100, 500, 1000], "theirs": [1, 5, 10, 15, 20], "tls": 500, "distinct": 1000,
        "scale": [10, 100, 1000], "many": 4000, "hundred": 100, "outage": 1000, "away": 5,
        "films": {"1 min": 8, "1 h": 450, "10 h": 4500}, "pairs": 2}
QUICK = {"ours": [1, 10, 40], "theirs": [1, 3], "tls": 20, "distinct": 20, "scale": [10, 40], "many": 60,
         "hundred": 20, "outage": 40, "away": 2, "films": {"1 min": 8, "1 h": 450}, "pairs": 1}
# Bytes a second of the slow disk: the clip wants 525,000.
SLOW = 200_000


class Bench:
    """One run of the sections. What two of them need is measured once."""

    def __init__(self, folder, sizes, seconds):
        self.folder, self.sizes, self.seconds, self.known = folder, sizes, seconds, {}

    def sections(self):
        return {"compare": self.compare, "tls": self.tls, "distinct": self.distinct, "scale": self.scale,
                "length": self.length, "start": self.start, "outage": self.outage, "slow": self.slow,
                "stalled": self.stalled, "remux": self.remux}

    def clip(self):
        return self.film("clip", "--write-clip")

    def film(self, name, *arguments):
        path = self.folder / f"{name}.mp4"
        if not path.exists():
            subprocess.run([host.DENSITY, arguments[0], path, *map(str, arguments[1:])], check=True)
        return path

    def plain(self, streams):
        """streambro with the padded clip and nothing special."""
        if streams not in self.known:
            figures, faults, _ = contenders.streambro(streams, self.seconds, film=self.clip())
            self.known[streams] = figures, faults
        return self.known[streams]

    def ffmpeg(self, name, streams):
        """ffmpeg with the padded clip."""
        if (name, streams) not in self.known:
            command = lambda url: contenders.ffmpeg(self.clip(), FFMPEG[name], url)
            self.known[name, streams] = contenders.processes(name, command, streams, self.seconds)
        return self.known[name, streams]

    def compare(self):
        clip, seconds = self.clip(), self.seconds
        rows = [row("compare", STREAMBRO, streams, *self.plain(streams)) for streams in self.sizes["ours"]]
        for name in FFMPEG if shutil.which("ffmpeg") else []:
            rows += [row("compare", name, streams, *self.ffmpeg(name, streams)) for streams in self.sizes["theirs"]]
        if host.has_gstreamer():
            laps = (contenders.SETTLE + seconds + 30) // host.CLIP_SECONDS + 1
            film = self.film("gstreamer", "--write-film", "--file", clip, "--laps", laps)
            for streams in self.sizes["theirs"]:
                command = lambda url: contenders.gstreamer(film, url)
                rows.append(row("compare", GSTREAMER, streams,
                                *contenders.processes(GSTREAMER, command, streams, seconds)))
        return rows

    def tls(self):
        rows = [self.special("tls", "streambro, RTMPS", self.sizes["tls"], "--tls")]
        if shutil.which("ffmpeg"):
            # The figure that RTMPS is held against.
            streams = self.sizes["theirs"][-1]
            rows.append(row("tls", PLAIN, streams, *self.ffmpeg(PLAIN, streams)))
        return rows

    def distinct(self):
        return [self.special("distinct", "streambro, a file each", self.sizes["distinct"], "--distinct")]

    def special(self, section, name, streams, *arguments, film=None, seconds=None):
        film = film or self.clip()
        figures, faults, _ = contenders.streambro(streams, seconds or self.seconds, *arguments, film=film)
        return row(section, name, streams, figures, faults)

    def scale(self):
        rows = [row("scale", "4.2 Mb/s", streams, *self.plain(streams)) for streams in self.sizes["scale"]]
        return [*rows, self.special("scale", "0.6 Mb/s", self.sizes["many"], film=host.CLIP)]

    def length(self):
        rows = []
        for name, laps in self.sizes["films"].items():
            film = self.film(f"film-{laps}", "--write-film", "--laps", laps)
            streams = self.sizes["hundred"]
            rows.append(self.special("length", f"streambro, {name}", streams, film=film, seconds=2))
            if shutil.which("ffmpeg"):
                command = lambda url: contenders.ffmpeg(film, [], url)
                rows.append(row("length", f"{PLAIN}, {name}", 1, *contenders.processes(PLAIN, command, 1, 2)))
        return rows

    def start(self):
        streams = self.sizes["hundred"]
        return [self.special("start", "streambro, all at once", streams, "--batch", streams, seconds=1)]

    def outage(self):
        streams, away = self.sizes["outage"], self.sizes["away"]
        figures, faults, found = contenders.streambro(streams, 1, "--outage", away, film=self.clip())
        seen = found["outage"]["sender"]
        before, after = seen["before"], seen["after"]
        figures |= {
            "back_seconds": seen["back_seconds"],
            "attempts": seen["attempts"],
            "attempts_in_a_second": seen["attempts_in_a_second"],
            "accepts_in_a_second": found["outage"]["accepts_in_a_second"],
            "private_before": before["anonymous"],
            "private_after": after["anonymous"],
            "resident_before": before["resident"],
            "resident_after": after["resident"],
        }
        return [row("outage", f"streambro, server away for {away} s", streams, figures, faults)]

    def slow(self):
        streams = self.sizes["hundred"]
        with host.slow_disk(self.clip(), SLOW) as film:
            beside, faults, found = contenders.streambro(streams, self.seconds, "--slow-file", film, film=self.clip())
            beside |= {"slow_packets": found["slow"]["packets"], "slow_late_max_ms": found["slow"]["late_ms"]["max"]}
        without, more, _ = contenders.streambro(streams, self.seconds, film=self.clip())
        return [row("slow", "streambro", streams, without, more),
                row("slow", "streambro, one file on a slow disk", streams, beside, faults)]

    def stalled(self):
        streams = self.sizes["hundred"]
        figures, faults, found = contenders.streambro(streams, 1, "--stalled", film=self.clip())
        seen = found["stalled"]
        if seen["reconnects"]:
            faults.append(f"{seen['reconnects']} connections were given up while they were watched")
        if seen["sockets"] != streams:
            faults.append(f"{seen['sockets']} connections were seen of {streams}")
        figures |= {name: seen[name] for name in ("most_held", "all_held", "most_queued")}
        return [row("stalled", f"streambro, by {seen['source']}", streams, figures, faults)]

    def remux(self):
        if not shutil.which("ffmpeg"):
            raise host.Missing("no ffmpeg")
        film = self.folder / "remux-film.mp4"
        film = film if film.exists() else remux.make_film(self.folder)
        megabytes = film.stat().st_size / 1e6
        pairs = remux.pairs(film, self.sizes["pairs"])
        mean = lambda times: sum(times) / len(times)
        ours, theirs = (mean(times) for times in zip(*pairs))
        return [row("remux", "remux", 1, {"megabytes_per_second": megabytes / ours}, []),
                row("remux", PLAIN, 1, {"megabytes_per_second": megabytes / theirs}, [])]


def row(section, name, streams, figures, faults):
    return {"section": section, "name": name, "streams": streams, "figures": figures, "faults": faults}
