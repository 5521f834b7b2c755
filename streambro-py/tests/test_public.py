"""What the package shows: names, docstrings, samples; and that its two faces are one."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import importlib.resources
import inspect
import pkgutil
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
import streambro
import streambro.blocking
from processes import run_python
from streambro import _manager

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = ["_errors", "_input", "_manager", "_media", "_output", "blocking"]

# What the text of the two faces says differently.
DUNDERS = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__", "__anext__": "__next__"}


def public() -> dict[str, Any]:
    """Classes and functions, and what the classes have, by their names."""
    named = {name: getattr(streambro, name) for name in streambro.__all__}
    things = {name: thing for name, thing in named.items() if getattr(thing, "__module__", "").startswith("streambro")}
    for module in (streambro, streambro.blocking):
        for cls in _manager.__all__:
            things |= {f"{module.__name__}.{cls}.{name}": each for name, each in members(getattr(module, cls))}
    return things


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties that are written out."""
    for name, member in vars(cls).items():
        is_public = not name.startswith("_") or name.endswith("__")
        if is_public and (inspect.isfunction(member) or isinstance(member, property)):
            yield name, member


def test_every_name_that_is_promised_is_there_once() -> None:
    assert len(set(streambro.__all__)) == len(streambro.__all__)
    assert all(hasattr(streambro, name) for name in streambro.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_the_names_of_a_module_are_in_order(name: str) -> None:
    module = importlib.import_module(f"streambro.{name}")
    assert module.__all__ == sorted(module.__all__)


def test_everything_public_says_in_a_sentence_what_it_is() -> None:
    for name, thing in public().items():
        first = (inspect.getdoc(thing) or "").split("\n")[0]
        # Not what a dataclass makes of its fields.
        assert re.match(r"[A-Za-z`][^(]* \w+", first), name


def test_both_faces_have_the_same_names_and_take_the_same() -> None:
    assert streambro.blocking.__all__ == _manager.__all__
    for name in _manager.__all__:
        by_asyncio = {DUNDERS.get(each, each): member for each, member in members(getattr(streambro, name))}
        blocking = dict(members(getattr(streambro.blocking, name)))
        assert by_asyncio.keys() == blocking.keys()
        for method, member in by_asyncio.items():
            if inspect.isfunction(member):
                taken, taken_too = inspect.signature(member), inspect.signature(blocking[method])
                assert taken.parameters == taken_too.parameters, method


def test_nothing_is_awaited_in_the_blocking_face() -> None:
    for name in streambro.blocking.__all__:
        for method, member in members(getattr(streambro.blocking, name)):
            assert not inspect.iscoroutinefunction(member), f"{name}.{method}"


def test_the_version_is_that_of_the_distribution() -> None:
    assert streambro.__version__ == importlib.metadata.version("streambro")


def test_types_are_shipped() -> None:
    assert importlib.resources.files("streambro").joinpath("py.typed").is_file()


def test_the_samples_in_docstrings_do_what_they_say() -> None:
    names = {name: getattr(streambro, name) for name in streambro.__all__} | {"datetime": datetime, "timezone": timezone}
    results = doctest.TestResults(0, 0)
    for found in pkgutil.iter_modules(streambro.__path__, "streambro."):
        if found.name != "streambro._native":
            failed, tried = doctest.testmod(importlib.import_module(found.name), extraglobs=names)
            results = doctest.TestResults(results.failed + failed, results.attempted + tried)
    assert results.failed == 0
    assert results.attempted >= 5


def test_the_blocking_face_is_there_without_an_import_of_its_own() -> None:
    script = "import streambro; print(streambro.blocking.StreamManager().__module__, hasattr(streambro, 'blockings'))"
    assert run_python(script).succeeded() == "streambro.blocking False\n"
