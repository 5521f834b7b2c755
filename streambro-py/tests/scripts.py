"""Scripts that stream, in an interpreter of their own."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from processes import run_python

if TYPE_CHECKING:
    from processes import Ran

HEAD = """
import asyncio, contextlib, gc, multiprocessing, os, pickle, signal, sys, threading, time, warnings
import streambro, streambro.blocking
from pathlib import Path
from specs import LARGE, SMALL, film, playlist
from streambro import *
from waiting import wait_until

# Python 3.12 and newer say so at each fork.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
"""


def run_script(code: str, *, timeout: float = 30, interrupt_at: str | None = None, **names: object) -> Ran:
    """Runs code that may use the names in `HEAD` and those that are given, whose values are texts and numbers."""
    plain = {name: os.fspath(value) if isinstance(value, Path) else value for name, value in names.items()}
    values = "".join(f"{name} = {value!r}\n" for name, value in plain.items())
    path = os.pathsep.join(filter(None, [os.fspath(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    return run_python(HEAD + values + dedent(code), timeout=timeout, interrupt_at=interrupt_at, env={"PYTHONPATH": path})
