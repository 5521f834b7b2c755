"""A channel: every film of a folder, one after the other, on one unbroken connection to each of two servers.

    read -rs STREAMBRO_KEY; read -rs STREAMBRO_KEY2; export STREAMBRO_KEY STREAMBRO_KEY2     # one key for each server
    python channel.py FOLDER URL URL2

A film that is put into the folder joins the list, and one that is taken away leaves it; viewers see neither. Put films
there by renaming them, so that none is opened while it is still being copied. Ctrl-C ends the channel with a goodbye.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from streambro import (
    Append,
    AsRun,
    Destination,
    Edit,
    Events,
    Item,
    ItemChanged,
    ItemFailed,
    LegChanged,
    Missed,
    PhaseChanged,
    Playlist,
    Remove,
    Source,
    StreambroError,
    StreamManager,
    StreamSpec,
)

CHANNEL = "channel"
LOOK_EVERY = 1.0


async def main(folder: Path, urls: list[str], keys: list[str]) -> None:
    """Runs the channel until it is cancelled, which is what Ctrl-C does."""
    known = films(folder)
    spec = StreamSpec(
        id=CHANNEL,
        # Once something has played, with nothing more to play the picture stands still and the connections stay.
        source=Source(playlist=Playlist(items=[Item(file=film) for film in known], at_end="hold"), repeat="forever"),
        destinations=[Destination(url=url, key=key) for url, key in zip(urls, keys, strict=True)],
    )
    # However the block is left, both servers get their goodbye.
    async with StreamManager() as manager:
        events = manager.events(CHANNEL)  # before the start: it sees what happens from now on
        await manager.start(spec)  # what is wrong with the films or the settings is raised here
        await asyncio.gather(tell(events, manager), follow(folder, known, manager))


async def tell(events: Events, manager: StreamManager) -> None:
    """Shows what happens."""
    async for event in events:
        match event:
            case ItemChanged(run=AsRun(end=None, file=file)):
                print(f"now {Path(file).name}, next {up_next(manager)}", flush=True)
            case ItemChanged(run=AsRun(end=ItemFailed(detail=why), file=file)):
                print(f"{Path(file).name} is passed over: {why}", flush=True)
            case LegChanged(leg=leg, phase="waiting", detail=why):
                # The other server notices nothing, and this one joins again at a keyframe.
                print(f"server {leg} is away: {why}", flush=True)
            case LegChanged(leg=leg, phase="live"):
                print(f"server {leg} is live", flush=True)
            case PhaseChanged(to=phase, detail=why):
                print(f"{phase}: {why}" if why else phase, flush=True)
                if phase == "ended":
                    return
            case Missed(count=count):
                print(f"{count} events came faster than they were read", flush=True)


async def follow(folder: Path, known: list[Path], manager: StreamManager) -> None:
    """Keeps the list like the folder."""
    while manager.status(CHANNEL).phase != "ended":
        await asyncio.sleep(LOOK_EVERY)
        there = films(folder)
        for film in there:
            if film not in known:
                await change(manager, Append(Item(file=film)))
        for entry in manager.playlist(CHANNEL).items:
            if Path(entry.item.file) not in there:
                await change(manager, Remove(entry.id))
        known = there


async def change(manager: StreamManager, edit: Edit) -> None:
    """Makes one change. Several in one call would be all or nothing: one bad film would keep the others out."""
    try:
        await manager.edit(CHANNEL, [edit])
    except StreambroError as error:
        print(error, flush=True)


def up_next(manager: StreamManager) -> str:
    """Says what comes next if nothing changes."""
    listed = manager.playlist(CHANNEL)
    return next((Path(entry.item.file).name for entry in listed.items if entry.id == listed.next), "nothing")


def films(folder: Path) -> list[Path]:
    """Lists the folder by name."""
    return sorted(folder.glob("*.mp4"))


if __name__ == "__main__":
    keys = [os.environ.get(variable, "") for variable in ("STREAMBRO_KEY", "STREAMBRO_KEY2")]
    match sys.argv[1:]:
        case [_, _, _] if not all(keys):
            sys.exit("no stream key: both STREAMBRO_KEY and STREAMBRO_KEY2 are wanted")
        case [folder, _, _] if not Path(folder).is_dir():
            sys.exit(f"{folder} is no folder")
        case [folder, _, _] if not films(Path(folder)):
            sys.exit(f"no film in {folder}: a list needs one to begin with; put one there")
        case [folder, *urls] if len(urls) == len(keys):
            try:
                asyncio.run(main(Path(folder), urls, keys))
            except KeyboardInterrupt:
                pass
            except StreambroError as error:
                sys.exit(str(error))
        case _:
            sys.exit(f"usage: {sys.argv[0]} FOLDER URL URL2   (the stream keys are in STREAMBRO_KEY and STREAMBRO_KEY2)")
