"""Which public names the tests call, so that none can be forgotten."""

# ruff: noqa: ANN401 - whatever is called

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import streambro
from streambro import _manager, _media

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    import pytest

TRIED: set[str] = set()


def tries(*names: str) -> Callable[[Any], Any]:
    """Says of a test which names it calls; the fixture `calls` checks that it does."""

    def marked(test: Any) -> Any:
        TRIED.update(names)
        test.tries = names
        return test

    return marked


def public_names() -> set[str]:
    """Every method and property of the public classes, such as `Stream.stop`, and every function."""
    return {f"{cls}.{name}" for cls in _manager.__all__ for name in _members(getattr(streambro, cls))} | set(_media.__all__)


def watch(monkeypatch: pytest.MonkeyPatch, face: ModuleType) -> set[str]:
    """Lets every public name be noted when it is called. Returns those that were."""
    called: set[str] = set()
    for name in _media.__all__:
        monkeypatch.setattr(streambro, name, _noted(getattr(streambro, name), name, called))
    for cls in (getattr(face, name) for name in _manager.__all__):
        for name in _members(cls):
            member, full_name = vars(cls)[name], f"{cls.__name__}.{name}"
            if isinstance(member, property):
                monkeypatch.setattr(cls, name, property(_noted(member.fget, full_name, called)))
            else:
                monkeypatch.setattr(cls, name, _noted(member, full_name, called))
    return called


def _members(cls: type) -> Iterator[str]:
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            yield name


def _noted(function: Any, name: str, called: set[str]) -> Any:
    @functools.wraps(function)
    def noting(*positional: Any, **named: Any) -> Any:
        called.add(name)
        return function(*positional, **named)

    return noting
