"""The blocking face: the text of the asyncio face, without waiting for anything but the thread itself."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "python" / "streambro" / "_manager.py"

HEAD = '''"""The manager and its streams, for threads: the same names as for asyncio.

MADE by `generate.py` of `_manager.py`.
"""
'''

WORDS = [
    ("async with", "with"),
    ("async for", "for"),
    ("async def", "def"),
    ("await ", ""),
    ("__aenter__", "__enter__"),
    ("__aexit__", "__exit__"),
    ("__aiter__", "__iter__"),
    ("__anext__", "__next__"),
    ("StopAsyncIteration", "StopIteration"),
    ("AsyncIterator", "Iterator"),
    ("streambro._asyncio", "streambro._blocking"),
    (
        "is awaited, and given up when it is cancelled.",
        "holds this thread, with the interpreter left to others, and is given up when it is interrupted.",
    ),
]
"""What is said in another way. Each has to be there."""


def text() -> str:
    """Returns the module's text."""
    made = SOURCE.read_text()
    head = re.match(r'""".*?"""\n', made, re.DOTALL)
    if head is None:
        raise SystemExit(f"{SOURCE.name} has no docstring")
    made = HEAD + made[head.end() :]
    for said, instead in WORDS:
        if said not in made:
            raise SystemExit(f"{SOURCE.name} says nowhere {said!r}")
        made = made.replace(said, instead)
    return made
