"""Puts streams on the air from Python, and prints what they cost: `python_streams.py CLIP URL STREAMS SECONDS`."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from streambro import Destination, Source, StreamManager, StreamSpec

# As many as begin at once.
BATCH = 100
SETTLE = 3


async def main():
    clip, url, streams, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    async with StreamManager(unlimited=True) as manager:
        await start(manager, clip, url, range(streams // 2))
        few = anonymous()
        await start(manager, clip, url, range(streams // 2, streams))
        # Before the window, as `density` does it: at its end samples of the monitor are there as well.
        many = anonymous()
        cpu, clock = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, clock = time.process_time() - cpu, time.monotonic() - clock
        print(json.dumps({"cpu_percent": cpu / clock / streams * 100, "slope": (many - few) / (streams - streams // 2)}))
        # Ends at once: goodbyes are no part of it.
        sys.stdout.flush()
        os._exit(0)


async def start(manager, clip, url, numbers):
    for first in range(numbers.start, numbers.stop, BATCH):
        batch = range(first, min(first + BATCH, numbers.stop))
        started = await asyncio.gather(*(manager.start(spec(clip, url, number)) for number in batch))
        await asyncio.gather(*(stream.wait_for("live", 60) for stream in started))
    await asyncio.sleep(SETTLE)


def spec(clip, url, number):
    return StreamSpec(
        id=f"s{number}",
        source=Source(file=clip, repeat="forever"),
        destinations=[Destination(url=url, key=f"s{number}")],
    )


def anonymous():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


asyncio.run(main())
