"""What can be said on the command line."""

from __future__ import annotations

import argparse
import math
import re
from typing import TYPE_CHECKING, Any, get_args

from streambro._command import _host, _live, _look
from streambro._input import Encode, Encoder, Repeat, Size, Times, Video
from streambro._media import version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENCODERS = ("copy", *get_args(Encoder))
LIVE = (
    "Ctrl-C and SIGTERM end it with a goodbye; the second time it does not wait for that. "
    "The stream key is read from the environment variable STREAMBRO_KEY, or asked for without echo; "
    "it is never an argument, because everybody on this machine can read those. "
    "With --json there is a line for each event, and at the end one that sums up."
)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; `run` of what it returns is what to do. Exits for help, and with 2 for a wrong use."""
    args, rest = _parser().parse_known_args(argv)
    if rest:
        # Their values are not shown: somebody may have put the key there.
        options = [word.partition("=")[0] if word.startswith("--") else word[:2] for word in rest if word[0:1] == "-"]
        args.parser.error(f"there is no option {options[0]}" if options else "too many words: options come first or last")
    if hasattr(args, "encoder"):
        args.video = _video(args)
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streambro",
        description="Keeps live streams of video files on the air over RTMP(S).",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"streambro {version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], about: str, epilog: str | None = None
    ) -> argparse.ArgumentParser:
        description = about[0].upper() + about[1:] + "."
        added = commands.add_parser(name, help=about, description=description, epilog=epilog, allow_abbrev=False)
        added.set_defaults(run=run, parser=added)
        added.add_argument("--json", action="store_true", help="print JSON, and nothing else")
        return added

    live = command("live", _live.run, "keeps files on the air until Ctrl-C", LIVE)
    live.add_argument("files", type=_file, nargs="+", metavar="FILE", help="what plays; several are a playlist")
    live.add_argument("url", type=_url, metavar="URL", help="server and application, rtmp(s)://host/app, without the key")
    live.add_argument("--repeat", type=_repeat, default="forever", metavar="once|forever|N", help="default: forever")
    _add_video(live)
    live.add_argument("--dir", metavar="DIR", help="where what was encoded is kept; default: the user's cache")
    live.add_argument("--id", default="live", metavar="ID", help="the stream's name in events and logs; default: live")
    live.add_argument("--seconds", type=_seconds, metavar="N", help="end after so many seconds")
    live.add_argument("--media-root", metavar="DIR", help="open no file outside of this directory")

    probe = command("probe", _look.run_probe, "says what is in a file, and what keeps it from going out as it is")
    probe.add_argument("file", type=_file, metavar="FILE")

    analyze = command("analyze", _look.run_analyze, "says how a file would be sent, and what a platform would say to it")
    analyze.add_argument("file", type=_file, metavar="FILE")
    platforms = ", ".join(_look.PLATFORMS)
    analyze.add_argument("to", type=_place, metavar="URL|PLATFORM", help=f"an ingest URL without the key, or {platforms}")

    command("encoders", _host.run_encoders, "tries every encoder, and says which of them work here")

    capacity = command("capacity", _host.run_capacity, "says how many more of such streams fit, and what is in the way")
    capacity.add_argument("file", type=_file, metavar="FILE")
    capacity.add_argument("url", type=_url, metavar="URL", help="server and application, without the key")
    _add_video(capacity)
    for option, metavar, about in (
        ("--max-streams", "N", "streams at once"),
        ("--max-streams-per-host", "N", "destinations at each host"),
        ("--max-bandwidth", "BITS", "bits per second of all streams, such as 900M"),
        ("--max-stream-memory", "BYTES", "memory of all streams, such as 2G"),
        ("--max-stream-cpu", "PERCENT", "CPU of all streams, in percent of one core"),
        ("--memory-reserve", "BYTES", "memory to be left to others"),
    ):
        capacity.add_argument(option, type=_number, metavar=metavar, help=f"{about}; default: no limit of its own")

    doctor = command("doctor", _host.run_doctor, "says whether this host can carry streams, and what it lacks")
    doctor.epilog = "The exit code is 1 when something cannot work."
    doctor.add_argument("--max-streams", type=_number, metavar="N", help="as many as there shall be; default: 20")
    doctor.add_argument("--media-root", metavar="DIR", help="the directory that files are opened in")
    return parser


def _add_video(parser: argparse.ArgumentParser) -> None:
    about = "default: copy, or auto where one of the next three is said"
    parser.add_argument("--encoder", choices=ENCODERS, help=about)
    parser.add_argument("--bitrate", type=_number, metavar="BITS", help="bits per second, such as 3000000, 3000k or 3M")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of the picture, such as 1280x720")
    parser.add_argument("--fps", type=_fps, metavar="N", help="pictures per second, such as 30 or 30000/1001")


def _video(args: argparse.Namespace) -> Video:
    said: dict[str, Any] = {name: getattr(args, name) for name in ("bitrate", "size", "fps")}
    said = {name: value for name, value in said.items() if value is not None}
    if args.encoder in (None, "copy") and not said:
        return "copy"
    if args.encoder == "copy":
        args.parser.error(f"--{next(iter(said))} is for encoding, and --encoder copy wants none")
    return Encode(encoder=args.encoder or "auto", **said)


def _file(text: str) -> str:
    # An error would show it, and with it a key at its end.
    if _is_url(text):
        raise argparse.ArgumentTypeError("a file comes first, and the URL last")
    return text


def _url(text: str) -> str:
    if not _is_url(text):
        raise argparse.ArgumentTypeError("an ingest URL begins with rtmp:// or rtmps://")
    return text


def _place(text: str) -> str:
    if not _is_url(text) and text not in _look.PLATFORMS:
        raise argparse.ArgumentTypeError(f"neither an ingest URL nor one of {', '.join(_look.PLATFORMS)}")
    return text


def _is_url(text: str) -> bool:
    return re.match("rtmps?://", text, re.IGNORECASE) is not None


def _repeat(text: str) -> Repeat:
    if text == "once":
        return "once"
    if text == "forever":
        return "forever"
    if not re.fullmatch("[0-9]+", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is none of once, forever and a number of times")
    return Times(int(text))


def _number(text: str) -> int:
    found = re.fullmatch("([0-9]+)([kKMG]?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is no number like 3000000, 3000k or 3M")
    return int(found[1]) * {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}[found[2]]


def _size(text: str) -> Size:
    found = re.fullmatch("([0-9]+)x([0-9]+)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is no size like 1280x720")
    return Size(width=int(found[1]), height=int(found[2]))


def _fps(text: str) -> int | str:
    if not re.fullmatch("[0-9]+(/[0-9]+)?", text):
        raise argparse.ArgumentTypeError("a frame rate is a number like 30 or a fraction like 30000/1001")
    return int(text) if text.isdecimal() else text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return seconds
