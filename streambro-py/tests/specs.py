"""What the tests want on the air."""

# ruff: noqa: ANN401 - what a spec takes, it says itself

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streambro import Destination, Item, Playlist, Source, StreamSpec

if TYPE_CHECKING:
    from pathlib import Path

    from streambro import Repeat

# Small and fast: what is tried is not how well it encodes.
SMALL: dict[str, Any] = {"encoder": "x264", "preset": "ultrafast", "size": {"width": 160, "height": 90}, "fps": 15}

# Takes a processor many seconds for each second of the film.
LARGE: dict[str, Any] = {"encoder": "x264", "preset": "veryslow", "size": {"width": 3840, "height": 2160}}


def film(clip: Path, url: str, *keys: str, id: str = "film", repeat: Repeat = "forever", **more: Any) -> StreamSpec:
    """A stream of a file, for ever unless said otherwise, to one key or several."""
    return StreamSpec(id=id, source=Source(file=clip, repeat=repeat), destinations=_all(url, keys), **more)


def playlist(clips: list[Path], url: str, *keys: str, id: str = "list", repeat: Repeat = "once", **more: Any) -> StreamSpec:
    """A stream of several files one after the other."""
    items = [Item(file=clip) for clip in clips]
    source = Source(playlist=Playlist(items=items), repeat=repeat)
    return StreamSpec(id=id, source=source, destinations=_all(url, keys), **more)


def _all(url: str, keys: tuple[str, ...]) -> list[Destination]:
    return [Destination(url=url, key=key) for key in keys]
