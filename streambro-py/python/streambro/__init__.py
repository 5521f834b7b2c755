"""Keeps a thousand 24/7 live streams of video files on the air over RTMP(S), from one small server.

`StreamManager` is for asyncio; `streambro.blocking` has the same names for threads. A spec says what is wanted, events and
statuses what is; all are frozen dataclasses, and where one goes in, a dict of the same JSON does as well. Lines for people go
to `logging.getLogger("streambro")`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from streambro import _errors, _input, _manager, _media, _output
from streambro._errors import *  # noqa: F403
from streambro._input import *  # noqa: F403
from streambro._manager import *  # noqa: F403
from streambro._media import *  # noqa: F403
from streambro._output import *  # noqa: F403

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["__version__"]
__all__ += _errors.__all__
__all__ += _input.__all__
__all__ += _manager.__all__
__all__ += _media.__all__
__all__ += _output.__all__

__version__ = _media.version()


def __getattr__(name: str) -> ModuleType:
    """Imports the blocking face for whoever asks for it without an import of its own."""
    if name == "blocking":
        return import_module("streambro.blocking")
    raise AttributeError(f"module 'streambro' has no attribute {name!r}")
