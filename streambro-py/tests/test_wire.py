"""The codec between Python values and JSON, and that it fits the schemas, which are made from the Rust types."""

# ruff: noqa: ANN401 - values of any type are what it is about

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import importlib
import json
import pickle
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from streambro import _input, _output
from streambro._input import (
    Allow,
    Append,
    CustomMemory,
    CustomPlatform,
    Destination,
    Edit,
    Encode,
    Item,
    Jump,
    Move,
    Platform,
    Playlist,
    Queue,
    ReplaceAll,
    Retry,
    Schedule,
    SettingsDict,
    Source,
    StreamSpec,
    Times,
    Video,
    Window,
)
from streambro._output import (
    Airing,
    AnyEvent,
    Availability,
    CopyRoad,
    EncryptedTrack,
    Event,
    LogLine,
    Missed,
    PhaseChanged,
    RefusedRoad,
    Road,
    StreamStatus,
    TooLong,
    TooShort,
    Unavailable,
    Unsupported,
    UnsupportedCodec,
)
from streambro._wire import from_json, to_json

if TYPE_CHECKING:
    from types import ModuleType

HERE = Path(__file__).resolve().parents[1]
SCHEMAS = {
    source: json.loads((HERE.parent / "docs" / "schema" / f"{source}.json").read_text()) for source in ("input", "output")
}
FORMS: dict[tuple[str, str], Any] = {
    ("input", "destination"): Destination,
    ("input", "edits"): Sequence[Edit],
    ("input", "encode"): Encode,
    ("input", "platform"): Platform,
    ("input", "schedule"): Schedule,
    ("input", "settings"): SettingsDict,
    ("input", "source"): Source,
    ("input", "spec"): StreamSpec,
    ("input", "video"): Video,
    ("output", "airing"): Airing | None,
    ("output", "analysis"): _output.Analysis,
    ("output", "as_run"): tuple[_output.AsRun, ...],
    ("output", "audit"): _output.Audit,
    ("output", "capacity"): _output.Capacity,
    ("output", "doctor"): _output.Diagnosis,
    ("output", "encoders"): tuple[_output.EncoderReport, ...],
    ("output", "event"): AnyEvent,
    ("output", "explanation"): _output.Explanation,
    ("output", "history"): tuple[_output.RunRecord, ...],
    ("output", "host"): _output.Host,
    ("output", "list"): tuple[StreamStatus, ...],
    ("output", "logs"): tuple[LogLine, ...],
    ("output", "playlist"): _output.PlaylistStatus,
    ("output", "preparation"): _output.PrepareOutcome,
    ("output", "preview"): tuple[_output.Preview, ...],
    ("output", "probe"): _output.Probe,
    ("output", "profile"): _input.PlatformProfile,
    ("output", "progress"): _output.PrepareProgress,
    ("output", "remux"): _output.RemuxReport,
    ("output", "renditions"): _output.RenditionUsage | None,
    ("output", "status"): StreamStatus,
    ("output", "upcoming"): tuple[_output.Upcoming, ...],
    ("output", "usage"): _output.Usage | None,
}
SEEDS = range(40)

KEY = "live_9f3b-key"
FILM = Source(file="loop.mp4")


def spec(**fields: Any) -> StreamSpec:
    """A spec that is well-typed but for what the test says."""
    rest: dict[str, Any] = {"destinations": [Destination(url="rtmp://ingest.example/live2", key=KEY)], "source": FILM}
    return StreamSpec(id="lofi", **(rest | fields))


def written(value: object, form: object) -> Any:
    """The JSON of a value, as Python has it."""
    return json.loads(to_json(value, form))


# The schemas.


def test_every_form_of_the_schemas_has_a_type() -> None:
    assert set(FORMS) == {(source, form) for source, schema in SCHEMAS.items() for form in schema["properties"]}


def test_every_type_of_the_schemas_is_part_of_a_form_that_is_tried() -> None:
    for source, schema in SCHEMAS.items():
        tried: set[str] = set()
        for seed in SEEDS:
            sampler = Sampler(source, seed, is_whole=True)
            for form in schema["properties"]:
                sampler.sample(form)
            tried |= sampler.types
        assert tried == set(schema["$defs"])


@pytest.mark.parametrize(("source", "form"), FORMS)
def test_what_has_all_its_fields_comes_back_from_python_as_it_was(source: str, form: str) -> None:
    for seed in SEEDS:
        value = Sampler(source, seed, is_whole=True).sample(form)
        assert written(from_json(json.dumps(value), FORMS[source, form]), FORMS[source, form]) == value, f"seed {seed}"


@pytest.mark.parametrize(("source", "form"), FORMS)
def test_what_is_left_out_stays_at_its_default_on_the_way_through_json(source: str, form: str) -> None:
    for seed in SEEDS:
        sample = Sampler(source, seed, is_whole=False).sample(form)
        value = from_json(json.dumps(sample), FORMS[source, form])
        if isinstance(value, dict):
            value = {name: item for name, item in value.items() if item is not None}
        assert from_json(to_json(value, FORMS[source, form]), FORMS[source, form]) == value, f"seed {seed}"


def test_what_may_be_null_may_be_left_out_of_what_goes_in() -> None:
    for name, schema in SCHEMAS["input"]["$defs"].items():
        for field, inner in schema.get("properties", {}).items():
            is_nullable = "null" in inner.get("type", []) or {"type": "null"} in inner.get("anyOf", [])
            assert not (is_nullable and field in schema.get("required", [])), f"{name}.{field}"


def test_everything_is_a_frozen_dataclass_with_a_docstring() -> None:
    for module in (_input, _output):
        for name in module.__all__:
            cls = getattr(module, name)
            if dataclasses.is_dataclass(cls):
                assert cls.__doc__
                assert not cls.__doc__.startswith(f"{name}("), "the words are the schema's, not dataclass's own"
                assert cls.__hash__ is not None, "only what is frozen has one"


class Sampler:
    """Makes values of a form of a schema; the same seed makes the same. Whole ones have all their fields, and no null."""

    def __init__(self, source: str, seed: int, *, is_whole: bool) -> None:
        """Begins with no value made, and so with no type met."""
        self.schema = SCHEMAS[source]
        self.random = random.Random(seed)  # noqa: S311 - the same each time
        self.is_whole = is_whole
        self.types: set[str] = set()

    def sample(self, form: str) -> Any:
        """Returns another value."""
        return self._make(self.schema["properties"][form])

    def _make(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            self.types.add(name)
            return self._make(self.schema["$defs"][name])
        if "const" in schema:
            return schema["const"]
        for choices in ("oneOf", "anyOf"):
            if choices in schema:
                options = [each for each in schema[choices] if not self.is_whole or each.get("type") != "null"]
                return self._make(self.random.choice(options))
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return self._make_of_type(self.random.choice([each for each in types if not self.is_whole or each != "null"]), schema)

    def _make_of_type(self, name: str, schema: dict[str, Any]) -> Any:
        if name == "object":
            return self._make_object(schema)
        if name == "array":
            count = schema.get("minItems", self.random.randrange(3) if not self.is_whole else 2)
            return [self._make(schema["items"]) for _ in range(count)]
        scalars = {
            "string": self.random.choice(["", "a", "größe ☃ \U0001f600", '"\\\n\0']),
            "integer": self.random.choice([schema.get("minimum", -5), 1, 2**63 - 1]),
            "number": self.random.choice([0.0, 0.1, 1e300]),
            "boolean": self.random.random() < 0.5,
            "null": None,
        }
        return scalars[name]

    def _make_object(self, schema: dict[str, Any]) -> dict[str, Any]:
        if isinstance(schema.get("additionalProperties"), dict):
            return {"nvenc": self._make(schema["additionalProperties"])}
        wanted = self.is_whole or self.random.random()
        fields = schema.get("properties", {})
        required = schema.get("required", [])
        return {
            name: self._make(inner)
            for name, inner in fields.items()
            if name in required or self.is_whole or self.random.random() < wanted
        }


# What the Rust tests have as well: forms that must be read for ever.


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (Schedule, Schedule(zone="Europe/Berlin"), '{"zone":"Europe/Berlin","missed":"start_late"}'),
        (Schedule, Schedule(end="2026-12-25T17:00:00Z", missed="skip"), '{"end":"2026-12-25T17:00:00Z","missed":"skip"}'),
        (Schedule, Schedule(for_ms=86_400_000), '{"for_ms":86400000,"missed":"start_late"}'),
        (
            Schedule,
            Schedule(windows=(Window(from_="22:00:00", until="02:30:00"),)),
            '{"windows":[{"from":"22:00:00","until":"02:30:00"}],"missed":"start_late"}',
        ),
        (
            Schedule,
            Schedule(windows=(Window(days=("mon", "fri", "sun"), from_="08:00:00", for_ms=5_400_001),)),
            '{"windows":[{"days":["mon","fri","sun"],"from":"08:00:00","for_ms":5400001}],"missed":"start_late"}',
        ),
        (
            Schedule,
            Schedule(windows=(Window(cron="@daily", for_ms=60_000),)),
            '{"windows":[{"cron":"@daily","for_ms":60000}],"missed":"start_late"}',
        ),
        (
            Retry,
            Retry(budget=_input.Budget(attempts=10, window_ms=600_000)),
            '{"budget":{"attempts":10,"window_ms":600000}}',
        ),
        (
            Encode,
            Encode(encoder="nvenc", fps="30000/1001", memory=CustomMemory(queue=1, threads=2)),
            '{"encoder":"nvenc","fps":"30000/1001","memory":{"custom":{"queue":1,"threads":2}}}',
        ),
        (
            Platform,
            CustomPlatform(
                _input.PlatformProfile(name="ours", bands=(_input.Band(lines=720, fps=30, max=2_000_000),), max_fps=25)
            ),
            '{"custom":{"name":"ours","bands":[{"lines":720,"fps":30,"min":null,"max":2000000}],"max_fps":25}}',
        ),
        (Availability, "available", '"available"'),
        (Availability, Unavailable(why="no"), '{"unavailable":{"why":"no"}}'),
        (Road, CopyRoad(), '{"type":"copy"}'),
        (
            Road,
            RefusedRoad(block="no_ffmpeg", why="w", remedy="r"),
            '{"type":"refused","block":"no_ffmpeg","why":"w","remedy":"r"}',
        ),
    ],
)
def test_golden_json_is_read_and_written(form: Any, value: object, text: str) -> None:
    assert from_json(text, form) == value
    assert without_empty(written(value, form)) == without_empty(json.loads(text))


def without_empty(value: Any) -> Any:
    """The same without what says no more than its absence."""
    if isinstance(value, dict):
        return {key: without_empty(each) for key, each in value.items() if each is not None and each != []}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


def test_all_settings_are_written() -> None:
    settings: SettingsDict = {
        "unlimited": True,
        "max_streams": 1,
        "max_encoder_sessions": {"nvenc": 8},
        "admission": Queue(max_waiting=9),
        "media_root": Path("/media"),
        "destinations": Allow(["*.example.com", "10.0.0.0/8"]),
        "alerts": _input.Alerts(cpu_percent=12.5, memory_bytes=13, hold=14, action="stop"),
        "encoder_order": ["vaapi", "x264"],
        "renditions": _input.Renditions(dir="/kept", quota_bytes=18),
        "ffmpeg_libraries": [Path("/opt/lib")],
        "state_dir": None,
    }
    assert written(settings, SettingsDict) == {
        "v": 1,
        "unlimited": True,
        "max_streams": 1,
        "max_encoder_sessions": {"nvenc": 8},
        "admission": {"queue": {"max_waiting": 9}},
        "media_root": "/media",
        "destinations": {"allow": ["*.example.com", "10.0.0.0/8"]},
        "alerts": {"cpu_percent": 12.5, "memory_bytes": 13, "hold": 14, "action": "stop"},
        "encoder_order": ["vaapi", "x264"],
        "renditions": {"dir": "/kept", "quota_bytes": 18},
        "ffmpeg_libraries": ["/opt/lib"],
    }


# What goes in.


def test_a_spec_says_its_version_and_leaves_out_what_nobody_said() -> None:
    assert written(spec(), StreamSpec) == {
        "v": 1,
        "id": "lofi",
        "source": {"file": "loop.mp4", "repeat": "once"},
        "destinations": [{"url": "rtmp://ingest.example/live2", "key": KEY, "trust": "system"}],
        "video": "copy",
    }


def test_variants_are_written_by_their_names() -> None:
    edits = ["skip", Append(Item(file="a.mp4")), Move(id=3), ReplaceAll([]), Jump(4)]
    assert written(edits, Sequence[Edit]) == [
        "skip",
        {"append": {"file": "a.mp4"}},
        {"move": {"id": 3}},
        {"replace_all": []},
        {"jump": 4},
    ]


def test_an_encode_is_tagged_as_a_video_and_bare_as_itself() -> None:
    assert written(Encode(encoder="x264"), Encode) == {"encoder": "x264", "raw": []}
    assert written(Encode(encoder="x264"), Video) == {"encode": {"encoder": "x264", "raw": []}}


def test_a_plain_dict_is_taken_at_any_place() -> None:
    plain = {
        "v": 1,
        "id": "lofi",
        "source": {"file": "loop.mp4", "repeat": {"times": 3}},
        "destinations": [{"url": "rtmp://ingest.example/live2", "key": KEY}],
        "video": {"encode": {"encoder": "x264", "size": {"width": 1280, "height": 720}}},
        "schedule": {"windows": [{"from": "22:00", "until": "23:00"}]},
    }
    assert written(plain, StreamSpec) == plain
    fields = {name: value for name, value in plain.items() if name not in ("v", "id")}
    assert written(spec(**fields), StreamSpec) == plain
    assert written([{"append": {"file": "a.mp4"}}], Sequence[Edit]) == [{"append": {"file": "a.mp4"}}]


def test_a_dict_may_hold_what_is_none() -> None:
    mixed = {"id": "lofi", "source": {"file": Path("a"), "repeat": Times(3)}, "destinations": (), "video": Encode(live=True)}
    assert written(mixed, StreamSpec) == {
        "v": 1,
        "id": "lofi",
        "source": {"file": "a", "repeat": {"times": 3}},
        "destinations": [],
        "video": {"encode": {"encoder": "auto", "live": True, "raw": []}},
    }


def test_what_a_dict_has_that_no_form_knows_is_for_the_library_to_refuse() -> None:
    assert written({"file": "a", "flie": [None, 1, 2.5, {"b": True}]}, Source) == {
        "file": "a",
        "flie": [None, 1, 2.5, {"b": True}],
    }


def test_a_path_is_a_text_or_any_path_object() -> None:
    assert written(Source(file=Path("music") / "größe.mp4"), Source)["file"] == "music/größe.mp4"


@pytest.mark.parametrize("name", ["caf\udce9.mp4", Path("caf\udce9.mp4"), b"caf\xe9.mp4"])
def test_a_file_whose_name_is_no_utf_8_is_named(name: Any) -> None:
    with pytest.raises(ValueError, match=r"^spec\.source\.playlist\.items\[0\]\.file: .*'caf\\udce9\.mp4' is not UTF-8"):
        to_json(spec(source=Source(playlist=Playlist(items=[Item(file=name)]))), StreamSpec)


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(ValueError, match=r"^spec\.user: has a lone surrogate"):
        to_json(spec(user="\ud83d"), StreamSpec)


def test_an_instant_is_a_datetime_with_a_zone_or_a_text() -> None:
    vienna = dt.timezone(dt.timedelta(hours=1))
    schedule = Schedule(start=dt.datetime(2026, 12, 24, 18, tzinfo=vienna), end="2026-12-25T18:00[Europe/Vienna]")
    assert written(schedule, Schedule) == {
        "start": "2026-12-24T18:00:00+01:00",
        "end": "2026-12-25T18:00[Europe/Vienna]",
        "missed": "start_late",
        "windows": [],
    }


def test_a_datetime_without_a_zone_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"^schedule\.start: .*without a zone.*\.astimezone\(\)"):
        to_json(Schedule(start=dt.datetime(2026, 12, 24)), Schedule)  # noqa: DTZ001 - the mistake


def test_a_civil_time_is_a_time_without_a_zone_or_a_text() -> None:
    window = Window(from_=dt.time(22), until=dt.time(2, 30, 30))
    assert written(window, Window) == {"from": "22:00:00", "until": "02:30:30", "days": []}
    with pytest.raises(ValueError, match=r"^window\.from_: .*leave its tzinfo out"):
        to_json(Window(from_=dt.time(22, tzinfo=dt.timezone.utc)), Window)


@pytest.mark.parametrize(
    ("value", "form", "says"),
    [
        (spec(destinations=[{"url": "u", "key": 5}]), StreamSpec, "spec.destinations[0].key: expected str, not int"),
        (spec(destinations="rtmp"), StreamSpec, "spec.destinations: expected a list of Destination, not str"),
        (spec(destinations=FILM), StreamSpec, "spec.destinations: expected a list of Destination, not Source"),
        (spec(source=None), StreamSpec, "spec.source: expected Source, not None"),
        (spec(source="loop.mp4"), StreamSpec, "spec.source: expected Source, not str"),
        (spec(priority=True), StreamSpec, "spec.priority: expected int, not bool"),
        (spec(priority=1.0), StreamSpec, "spec.priority: expected int, not float"),
        (spec(video=FILM), StreamSpec, "spec.video: expected str or Encode, not Source"),
        (Encode(live=1), Encode, "encode.live: expected bool, not int"),  # type: ignore[arg-type]
        (spec(video={"encode": {"raw": "-an"}}), StreamSpec, "spec.video.encode.raw: expected a list of str, not str"),
        (Source(file=3), Source, "source.file: expected PathLike or str, not int"),  # type: ignore[arg-type]
        ({"x": [{1}]}, Source, "source.x[0]: expected what JSON has, not set"),
        ({1: 2}, Source, "source, a key: expected str, not int"),
        ({"max_streams": "9"}, SettingsDict, "max_streams: expected int, not str"),
        ({"max_encoder_sessions": {"nvenc": None}}, SettingsDict, "max_encoder_sessions.nvenc: expected int, not None"),
        ({"alerts": _input.Alerts(cpu_percent=True)}, SettingsDict, "alerts.cpu_percent: expected float, not bool"),
        (3, StreamSpec, "spec: expected StreamSpec, not int"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_place(value: Any, form: Any, says: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(says)}$"):
        to_json(value, form)


def test_the_caller_may_name_the_place() -> None:
    with pytest.raises(TypeError, match=r"^edits\[1\]\.item\.file: expected PathLike or str, not int$"):
        to_json(["skip", Append(Item(file=3))], Sequence[Edit], "edits")  # type: ignore[arg-type]


def test_a_whole_number_is_a_number_and_what_is_not_finite_is_none() -> None:
    assert written({"alerts": _input.Alerts(cpu_percent=90)}, SettingsDict)["alerts"]["cpu_percent"] == 90
    with pytest.raises(ValueError, match=r"^alerts\.cpu_percent: expected a finite number$"):
        to_json({"alerts": _input.Alerts(cpu_percent=float("nan"))}, SettingsDict)


# Keys.


def test_a_key_is_in_no_repr() -> None:
    shown = repr(spec(source=Source(file="a"), destinations=[Destination(url="rtmp://h/live", key=KEY)]))
    assert KEY not in shown
    assert "rtmp://h/live" in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtmps://a.rtmps.youtube.com/live2?backup=1", "rtmps://a.rtmps.youtube.com/live2"),
        (f"rtmp://[::1]:1935/live/{KEY}?auth={KEY}", "rtmp://[::1]:1935/live"),
        (f"rtmp://user:{KEY}@h/live", "***"),
        (KEY, "***"),
        (None, "***"),
    ],
)
def test_a_repr_shows_no_more_of_a_url_than_logs_do(url: Any, shown: str) -> None:
    assert repr(Destination(url=url, key=KEY, backup=url)) == f"Destination(url={shown!r})"


def test_a_mistake_never_shows_the_value() -> None:
    for wrong in ([KEY], {"key": KEY}, KEY.encode(), f"\udc80{KEY}"):
        with pytest.raises((TypeError, ValueError)) as caught:
            to_json(spec(destinations=[Destination(url="u", key=wrong)]), StreamSpec)  # type: ignore[arg-type]
        assert caught.match(r"^spec\.destinations\[0\]\.key: ")
        assert KEY not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


# What comes out.


def event(kind: str, **fields: object) -> str:
    """An event as JSON."""
    return json.dumps({"v": 1, "seq": 7, "unix_ms": 9, "stream": "lofi", "user": None, "kind": {"type": kind, **fields}})


def test_an_event_is_flat_and_made_for_match() -> None:
    said = event("phase", **{"from": "starting", "to": "live", "reason": None, "detail": "on the air"})
    match from_json(said, AnyEvent):
        case PhaseChanged(stream="lofi", from_="starting", to="live", detail=detail):
            assert detail == "on the air"
        case other:
            pytest.fail(f"another event: {other}")


def test_an_event_comes_back_as_it_was() -> None:
    missed = Missed(seq=7, unix_ms=9, stream=None, user="alice", count=3)
    assert written(missed, AnyEvent) == {
        "v": 1,
        "seq": 7,
        "unix_ms": 9,
        "stream": None,
        "user": "alice",
        "kind": {"type": "missed", "count": 3},
    }


def test_an_event_of_an_unknown_kind_is_an_event_still() -> None:
    assert from_json(event("invented", x=1), AnyEvent) == Event(seq=7, unix_ms=9, stream="lofi", user=None)


def test_what_a_newer_library_says_more_is_ignored() -> None:
    line = from_json('{"unix_ms": 1, "level": "fatal", "message": "m", "invented": {}}', LogLine)
    assert line == LogLine(unix_ms=1, level="fatal", message="m")  # type: ignore[arg-type]


def test_a_variant_that_is_unknown_stays_as_it_is() -> None:
    for text in ('"invented"', '{"invented": {"a": 1}}'):
        assert from_json(text, Availability) == json.loads(text)
    assert from_json('{"type": "invented"}', Road) == {"type": "invented"}


def test_obstacles_are_told_by_their_classes() -> None:
    obstacles = [
        ({"reason": "too_long"}, TooLong()),
        ({"reason": "too_short", "what": {"ms": 3}}, TooShort(ms=3)),
        ({"reason": "encrypted", "what": "video"}, EncryptedTrack("video")),
        ({"reason": "codec", "what": {"track": "video", "codec": "hev1"}}, UnsupportedCodec(track="video", codec="hev1")),
    ]
    for said, value in obstacles:
        assert from_json(json.dumps(said), Unsupported) == value
        assert written(value, Unsupported) == said


def test_a_list_comes_out_as_a_tuple_and_nothing_as_none() -> None:
    assert from_json("[]", tuple[StreamStatus, ...]) == ()
    assert from_json("null", Airing | None) is None


def test_values_can_be_copied_and_pickled() -> None:
    for value in (spec(), from_json(event("missed", count=3), AnyEvent), CopyRoad()):
        assert copy.deepcopy(value) == value
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - its own


# How the types are made.


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program that makes them."""
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("generate")


def test_the_types_are_those_of_the_schemas(generate: ModuleType) -> None:
    for path, make in generate.TARGETS:
        assert path.read_text() == make(), f"{path.name} is stale: run python generate.py"


def test_check_names_what_is_stale(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr(generate, "TARGETS", [(tmp_path / name, lambda: "new") for name in ("old", "fresh", "absent")])
    (tmp_path / "old").write_text("old")
    (tmp_path / "fresh").write_text("new")
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 1
    assert capsys.readouterr().out == "old is stale\nabsent is stale\n"
    assert (tmp_path / "old").read_text() == "old"
    monkeypatch.setattr("sys.argv", ["generate.py"])
    assert generate.main() == 0
    assert (tmp_path / "old").read_text() == "new"


@pytest.mark.parametrize(
    ("table", "place"),
    [("TYPES", "Item.flie"), ("WORDS", "Itme"), ("WORDS", "Order.random"), ("RENAMED", "Itme"), ("VARIANTS", "Itme")],
)
def test_an_entry_that_is_in_no_schema_is_refused(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, table: str, place: str
) -> None:
    monkeypatch.setitem(getattr(importlib.import_module("generators.tables"), table), place, "str")
    with pytest.raises(SystemExit, match=f"^{re.escape(place)} is in a table, but in no schema$"):
        generate.types.input_text()


@pytest.mark.parametrize(("name", "tag"), [("Edit", "jump"), ("Repeat", "times"), ("Road", "copy"), ("EventKind", "item")])
def test_a_variant_without_a_class_is_refused(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, tag: str
) -> None:
    monkeypatch.delitem(importlib.import_module("generators.tables").VARIANTS[name], tag)
    with pytest.raises(SystemExit, match=f"^{name}.{tag} is a variant that holds something: name it in VARIANTS$"):
        (generate.types.input_text(), generate.types.output_text())
