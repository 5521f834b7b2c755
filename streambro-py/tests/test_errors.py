"""Exceptions: their classes and built-ins, what they say, and what they never do."""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import streambro
import streambro.blocking
from specs import film
from streambro import Destination, Encode, NotFoundError, StreambroError, _errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLE = Path(__file__).parents[2] / "docs" / "errors.md"

CLASSES = [getattr(streambro, name) for name in _errors.__all__ if name != "StreambroError"]

GUESSES: dict[type[Exception], str] = {
    ConnectionError: "",
    LookupError: "NotFoundError",
    OSError: "HostError NotAllowedError SourceUnreadableError TimedOutError",
    PermissionError: "NotAllowedError",
    RuntimeError: (
        "ClosedError ConflictError EncoderFailedError EncoderUnavailableError EndedError ForkedError LimitReachedError"
        " PanickedError StateInUseError StateInvalidError"
    ),
    TimeoutError: "TimedOutError",
    ValueError: (
        "AlreadyExistsError InvalidArgumentError InvalidSpecError OverlapError SourceInvalidError SourceUnsupportedError"
    ),
}


@pytest.mark.skipif(not TABLE.exists(), reason="the repository is not beside the tests")
def test_every_class_has_the_code_and_the_name_of_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", TABLE.read_text(), re.MULTILINE)
    assert {(int(code), kind) for code, kind in rows} == {(each.code, each.kind) for each in CLASSES}
    assert [each.__name__ for each in CLASSES] == [_class_name(each.kind) for each in CLASSES]


@pytest.mark.parametrize("builtin", GUESSES)
def test_a_class_is_also_the_builtin_that_a_caller_would_guess(builtin: type[Exception]) -> None:
    assert sorted(GUESSES[builtin].split()) == [each.__name__ for each in CLASSES if issubclass(each, builtin)]


def test_every_class_is_an_error_of_streambro_and_of_one_builtin() -> None:
    assert all(issubclass(each, StreambroError) for each in CLASSES)
    assert set(" ".join(GUESSES.values()).split()) == {each.__name__ for each in CLASSES}


@pytest.mark.parametrize("cls", [StreambroError, *CLASSES])
def test_an_error_says_what_it_happened_to_and_what_to_do(cls: type[StreambroError]) -> None:
    error = cls("lofi", "stop it first")
    assert (error.subject, error.detail) == ("lofi", "stop it first")
    assert str(error) == "lofi: stop it first"
    assert repr(error) == f"{cls.__name__}('lofi: stop it first')"


@pytest.mark.parametrize("cls", [StreambroError, *CLASSES])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_an_error_goes_to_other_processes_as_it_is(cls: type[StreambroError], copied: Callable[[Any], Any]) -> None:
    error = cls("lofi", "stop it first")
    again = copied(error)
    assert type(again) is cls
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_an_error_of_a_newer_kind_is_still_one_of_streambro() -> None:
    error = _errors.error("too_early", 999, "lofi", "wait a little")
    assert type(error) is StreambroError
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.kind, again.code, str(again)) == ("too_early", 999, "lofi: wait a little")
    assert (StreambroError.kind, StreambroError.code) == ("unknown", 0)


def test_an_error_is_caught_by_either_name() -> None:
    with streambro.blocking.StreamManager() as manager:
        for name in (NotFoundError, StreambroError, LookupError):
            with pytest.raises(name, match="nobody: no stream has this id"):
                manager.stop("nobody")
        with pytest.raises(StreambroError) as told:
            manager.stop("nobody")
        assert (told.value.subject, told.value.kind, told.value.code) == ("nobody", "not_found", 102)
    with pytest.raises(OSError, match=r"no\.mp4"):
        streambro.probe("no.mp4")


# Keys.


WRONG_VALUES: dict[str, Callable[[str], Any]] = {
    "text": lambda key: key,
    "list": lambda key: [key],
    "dict": lambda key: {"key": key},
    "name": lambda key: {key: 1},
    "name of what is no JSON": lambda key: {key: object()},
    "bytes": lambda key: key.encode(),
    "path": Path,
    "URL": lambda key: f"rtmp://127.0.0.1:9/{key}",
    "URL of another kind": lambda key: f"http://127.0.0.1/live/{key}",
    "login": lambda key: f"rtmp://me:{key}@127.0.0.1/live",
    "half a character": lambda key: key + "\ud800",
    "line": lambda key: key + "\n",
    "frozen": lambda key: Destination(url="rtmp://127.0.0.1:9/live", key=key),
}
"""What a program may hand over by mistake in the place of something else."""


@pytest.fixture
def manager() -> Iterator[streambro.blocking.StreamManager]:
    with streambro.blocking.StreamManager() as opened:
        yield opened


@pytest.mark.parametrize("wrong", WRONG_VALUES)
def test_a_key_in_a_wrong_place_of_a_spec_is_in_no_error(
    wrong: str, manager: streambro.blocking.StreamManager, clip: Path, key: str
) -> None:
    value = WRONG_VALUES[wrong](key)

    def start(spec: dict[str, Any]) -> None:
        manager.start(spec)
        manager.clear_all()

    errors = [error for spec in _specs_with(value, str(clip)) if (error := _error_of(partial(start, spec)))]
    assert len(errors) > 25
    for error in errors:
        _assert_without(key, error)


@pytest.mark.parametrize("wrong", WRONG_VALUES)
def test_a_key_in_a_wrong_place_of_a_call_is_in_no_error(
    wrong: str, manager: streambro.blocking.StreamManager, nowhere: str, clip: Path, key: str
) -> None:
    value = WRONG_VALUES[wrong](key)
    manager.start(film(clip, nowhere, "k"))
    calls: list[Callable[[], Any]] = [
        lambda: manager.start(value),
        lambda: manager.add_destination("film", value),
        lambda: manager.add_destination("film", {"url": nowhere, "key": key, "lag": value}),
        lambda: manager.edit("film", value),
        lambda: manager.edit("film", [value]),
        lambda: manager.analyze(value, nowhere),
        lambda: manager.analyze_for({"file": str(clip)}, value),
        lambda: manager.analyze({"file": str(clip)}, value),
        lambda: manager.reschedule("film", value),
        lambda: manager.stream("film").wait_for(value),
        lambda: manager.playlist("film", value),
        lambda: manager.prepare({"file": str(clip)}, value),
        lambda: streambro.blocking.StreamManager(max_streams=value),
        lambda: streambro.blocking.StreamManager(destinations=value).open(),
        lambda: streambro.blocking.StreamManager(**{key: value}).open(),
        lambda: streambro.command(value, clip),
        lambda: streambro.platform(value),
    ]
    errors = [error for call in calls if (error := _error_of(call))]
    # A URL may have anything behind it, and a destination is one.
    assert len(errors) >= len(calls) - 1
    for error in errors:
        _assert_without(key, error)


def test_a_key_is_in_no_repr(key: str, clip: Path) -> None:
    destination = Destination(url=f"rtmp://127.0.0.1/live/{key}", key=key)
    assert repr(destination) == "Destination(url='rtmp://127.0.0.1/live')"
    spec = film(clip, f"rtmp://127.0.0.1/live?{key}", key, video=Encode(bitrate=1))
    assert key not in repr(spec)
    assert key not in f"{spec} {[spec]} {streambro.Append(streambro.Item(file=clip))}"


def _specs_with(value: object, clip: str) -> Iterator[dict[str, Any]]:
    """Specs with something wrong in one place. Not where any text would do, such as the name of a user or a file."""
    destination = {"url": "rtmp://127.0.0.1:9/live", "key": "k"}
    spec = {"id": "film", "source": {"file": clip}, "destinations": [destination]}
    for name in ("source", "destinations", "video", "priority", "retry", "resume", "schedule", "v", "key", "stream_key"):
        yield {**spec, name: value}
    for name in ("url", "backup", "trust", "lag", "rotation", "stream_key"):
        yield {**spec, "destinations": [{**destination, name: value}]}
    yield {**spec, "destinations": [value]}
    yield {**spec, "destinations": {"key": value}}
    yield {**spec, "destinations": [{**destination, "key": [value]}]}
    yield {**spec, "destinations": [{**destination, "key": {"key": value}}]}
    yield {**spec, "destinations": [{**destination, "lag": {"most_ms": value}}]}
    for name in ("repeat", "playlist", "sound"):
        yield {**spec, "source": {"file": clip, name: value}}
    for name in ("items", "order", "at_end", "on_failure"):
        yield {**spec, "source": {"playlist": {"items": [{"file": clip}], name: value}}}
    for name in ("encoder", "fps", "size", "preset", "bitrate", "memory", "device"):
        yield {**spec, "video": {"encode": {name: value}}}
    yield {**spec, "schedule": {"missed": value}}
    yield {**spec, "schedule": {"windows": [value]}}
    yield {**spec, "schedule": {"windows": [{"days": [value]}]}}


def _error_of(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except (StreambroError, TypeError, ValueError) as error:
        return error
    return None


def _assert_without(key: str, error: BaseException) -> None:
    """All that a log of it would show, and what a formatter of structured logs would."""
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + repr(vars(error))
    assert key not in shown, type(error).__name__


def _class_name(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_")) + "Error"
