"""Makes the files of the package that follow from others: `python generate.py`.

With `--check` it writes nothing, names what differs from what it would write, and exits with 1.
"""

from __future__ import annotations

import functools
import json
import keyword
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent / "docs" / "schema"
PACKAGE = HERE / "python" / "streambro"
WIDTH = 120

Schema = dict[str, Any]


def targets() -> list[tuple[Path, Callable[[], str]]]:
    """What is made, and what makes its text."""
    return [
        (PACKAGE / "_input.py", input_text),
        (PACKAGE / "_output.py", output_text),
    ]


def main() -> int:
    is_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not is_check:
        sys.exit(f"usage: {Path(sys.argv[0]).name} [--check]")
    made = [(path, make()) for path, make in targets()]
    stale = [(path, text) for path, text in made if not path.exists() or path.read_text() != text]
    for path, text in stale:
        print(f"{path.relative_to(HERE)} {'is stale' if is_check else 'is written'}")
        if not is_check:
            path.write_text(text)
    return 1 if is_check and stale else 0


# What the schemas do not say. All of it must fit them: what is missing or left over is an error.

# The classes of variants that hold something, by type. A word in brackets is the name of what one
# holds that is no object; a variant that holds an object of a type of its own is that type.
VARIANTS = {
    "Admission": {"queue": "Queue"},
    "Availability": {"unavailable": "Unavailable"},
    "DestinationPolicy": {"allow": "Allow(rules)"},
    "Edit": {
        "append": "Append(item)",
        "insert": "Insert",
        "remove": "Remove(id)",
        "move": "Move",
        "replace": "Replace",
        "replace_all": "ReplaceAll(items)",
        "cue": "Cue(id)",
        "jump": "Jump(id)",
    },
    "EventKind": {
        "phase": "PhaseChanged",
        "leg": "LegChanged",
        "encoder": "EncoderChosen",
        "encoder_failed": "EncoderFailed",
        "rendition": "RenditionFinished",
        "item": "ItemChanged",
        "schedule": "ScheduleChanged",
        "start_failed": "StartFailed",
        "state": "SavingChanged",
        "alert": "Alert",
        "missed": "Missed",
    },
    "ItemEnd": {"failed": "ItemFailed"},
    "Memory": {"custom": "CustomMemory"},
    "Order": {"shuffle": "Shuffle"},
    "Platform": {"custom": "CustomPlatform(profile)"},
    "Repeat": {"times": "Times(count)"},
    "Road": {
        "copy": "CopyRoad",
        "remux": "RemuxRoad",
        "encode_audio": "EncodeAudioRoad",
        "encode": "EncodeRoad",
        "refused": "RefusedRoad",
    },
    "Trust": {"roots": "Roots(pem)"},
    "Unsupported": {
        "container": "UnsupportedContainer",
        "playlist": "UnsupportedPlaylist(what)",
        "format": "UnsupportedFormat(what)",
        "no_track": "NoTrack",
        "encrypted": "EncryptedTrack(track)",
        "codec": "UnsupportedCodec",
        "no_configuration": "NoConfiguration(track)",
        "compressed_header": "CompressedHeader",
        "external_data": "ExternalData",
        "edit_list": "UnsupportedEditList",
        "first_picture": "DependentFirstPicture",
        "too_short": "TooShort",
        "too_long": "TooLong",
        "too_large": "TooLarge(what)",
    },
    "Verdict": {
        "start": "WouldStart",
        "queue": "WouldQueue",
        "refuse": "WouldRefuse",
        "unsupported": "SourceUnsupported",
        "id_taken": "IdTaken",
    },
    "Video": {"encode": "Encode"},
}

# Where the variants of a type whose tag is not beside what they hold have that.
CONTENTS = {"Unsupported": "what"}

RENAMED = {"Turns": "Window"}

# Types that are richer in Python than in JSON, which knows neither files nor times.
TYPES = {
    "CivilTime": "str | time",
    "Item.file": "StrPath",
    "Moment": "str | datetime",
    "Renditions.dir": "StrPath",
    "Settings.ffmpeg": "StrPath | None",
    "Settings.ffmpeg_libraries": "Sequence[StrPath]",
    "Settings.max_encoder_sessions": "Mapping[Encoder, int]",
    "Settings.media_root": "StrPath | None",
    "Settings.state_dir": "StrPath | None",
    "Source.file": "StrPath | None",
}

# Words for what the schema has none for, or words that are about Rust or JSON.
WORDS = {
    "Airing.end_unix_ms": "The instant at which it is over, in milliseconds since 1970, if it ever is. An airing that ends "
    "when another one begins does not overlap it.",
    "Airing.start_unix_ms": "The instant at which it begins, in milliseconds since 1970.",
    "AllowRule": "One line of an allow list: a host, `*.example.com` for every one below it, an address, or a network such "
    "as `10.0.0.0/8`.",
    "CivilTime": "What a clock on the wall shows: a `time` without a zone, or a text such as `22:00` or `22:00:30`.",
    "Day": "A day of the week.",
    "Encode": "How a source is encoded: H.264 in 8-bit 4:2:0 and AAC, which every RTMP platform takes.\n\n"
    "What is not said about size and frame rate stays as it is in the source.",
    "Moment": "An instant: a `datetime` with a zone, or a text such as `2026-12-24T18:00:00+01:00` (RFC 3339) or "
    "`2026-12-24T18:00[Europe/Berlin]`.",
    "Playlist.items": "What plays.",
    "Schedule": "When a stream is on the air: from a start to an end, and if it has windows, only inside of them.\n\n"
    "An instant is the same for everyone. A civil time is what a clock on the wall shows, in the schedule's zone: it "
    "follows the changes to and from summer time. Where a change leaves a civil time out, what begins or ends then does so "
    "as much later as the clock jumps; where one comes twice, the first counts. A duration is time that passes, in "
    "milliseconds, whatever any clock shows, also while the machine sleeps.",
    "Settings": "What a `StreamManager` is told; what is left out stays at its default.",
    "Settings.keep_keys_in_clear": "Keeps keys in `state_dir` as they are.",
    "Settings.set_invalid_state_aside": "Begins anew when what is in `state_dir` cannot be used.",
    "StreamSpec": "What a caller wants on the air.",
    "Turns": "A stretch of time that comes again: each day, on some days of the week, or as cron says.",
}

# What Python calls what Rust calls otherwise.
NAMES = {
    "`AlreadyExists`": "`AlreadyExistsError`",
    "`LimitReached`": "`LimitReachedError`",
    "`OverLimit`": '`"over_limit"`',
    "`u64::MAX`": "`2**64 - 1`",
}

METHODS = {
    "Destination": '''
    def __repr__(self) -> str:
        """Shows no key, and of the URL no more than logs do."""
        return f"Destination(url={label(self.url)!r})"
'''
}


def input_text() -> str:
    """Returns `_input.py`."""
    return Module("input", "What goes into streambro.", lists="Sequence[{}]", others={}).text()


def output_text() -> str:
    """Returns `_output.py`, which takes from `_input.py` what is in both."""
    others = definitions("input")
    for name, schema in definitions("output").items():
        if name in others and shape(schema) != shape(others[name]):
            fail(name, "differs between the schemas by more than what may be left out")
    return Module("output", "What comes out of streambro.", lists="tuple[{}, ...]", others=others).text()


class Module:
    """One of the two files, as it grows."""

    def __init__(self, source: str, about: str, *, lists: str, others: Schema) -> None:
        self.source = source
        self.about = about
        self.lists = lists
        self.others = others
        self.schemas = definitions(source)
        self.parts: dict[str, str] = {}

    def text(self) -> str:
        for name in sorted(self.schemas):
            self.define(name)
        exports = "".join(f'    "{name}",\n' for name in sorted(self.parts))
        body = "\n\n".join(self.parts.values())
        return (
            f'"""{self.about}"""\n\n'
            f"# Made by generate.py from docs/schema/{self.source}.json: change nothing here.\n"
            "# ruff: noqa: TC001, TC003 - the codec looks types up\n\n"
            f"from __future__ import annotations\n\n{self.imports(body)}\n"
            f"__all__ = [\n{exports}]\n\n{body}"
        )

    def imports(self, body: str) -> str:
        code = re.sub(r'""".*?"""|#[^\n]*', "", body, flags=re.DOTALL)
        words = set(re.findall(r"\w+", code))
        groups = [
            ("collections.abc", ["Mapping", "Sequence"]),
            ("dataclasses", ["dataclass", "field"]),
            ("datetime", ["datetime", "time"]),
            ("typing", ["Annotated", "ClassVar", "Literal", "TypeAlias", "TypedDict"]),
            ("", []),
            ("._input", sorted(python_name(name) for name in self.others.keys() & self.schemas.keys())),
            ("._wire", ["Kind", "StrPath", "Tag", "label"]),
        ]
        lines = []
        for module, names in groups:
            used = [name for name in names if name in words]
            line = f"from {module} import {', '.join(used)}"
            if len(line) > WIDTH:
                line = bracketed(f"from {module} import (", used, ")")
            if used or not module:
                lines.append(line if module else "")
        return "\n".join(lines) + "\n"

    def define(self, name: str) -> None:
        """Adds a type, unless it is there already."""
        if python_name(name) in self.parts or name in self.others or name == "EventKind":
            return
        schema = self.schemas[name]
        if name == "Event":
            self.define_events(schema)
        elif name == "Settings":
            self.define_settings(schema)
        elif "properties" in schema:
            self.define_class(python_name(name), name, schema)
        elif name in VARIANTS:
            self.define_union(name, name, schema)
        else:
            self.define_alias(name, schema)

    def define_class(self, cls: str, place: str, schema: Schema, *, base: str = "", doc: str = "") -> None:
        lines = ["@dataclass(frozen=True, kw_only=True, slots=True)", f"class {cls}{base}:"]
        lines += docstring(doc or words(place, schema), indent=4, is_class=True)
        fields = []
        for name, inner in ordered(schema):
            if name == "v":
                fields += ["    v: ClassVar[int] = 1", '    """The version of its JSON."""']
            else:
                fields.append("    " + self.field(name, f"{place}.{name}", inner, is_required=is_required(schema, name)))
                fields += docstring(words(f"{place}.{name}", inner), indent=4)
        lines += ["", *fields] if fields else []
        self.parts[cls] = "\n".join(lines) + "\n" + METHODS.get(cls, "")

    def define_bare_class(self, cls: str, field: str, place: str, schema: Schema, doc: str) -> None:
        lines = ["@dataclass(frozen=True, slots=True)", f"class {cls}:"]
        lines += [*docstring(doc, indent=4, is_class=True), ""]
        lines += ["    " + self.field(field, place, schema, is_required=True), ""]
        self.parts[cls] = "\n".join(lines)

    def define_events(self, schema: Schema) -> None:
        """Adds events, which are flat in Python: a class for each kind, with what all have."""
        envelope = {name: inner for name, inner in schema["properties"].items() if name != "kind"}
        self.define_class("Event", "Event", schema | {"properties": envelope})
        self.define_union("AnyEvent", "EventKind", self.schemas["EventKind"], base="Event", inside="kind")

    def define_settings(self, schema: Schema) -> None:
        lines = ["class SettingsDict(TypedDict, total=False):"]
        lines += docstring(words("Settings", schema), indent=4, is_class=True)
        for name, inner in ordered(schema):
            if name != "v":
                place = f"Settings.{name}"
                lines += ["", *wrapped(words(place, inner), "    # "), f"    {name}: {self.form(place, inner)}"]
        self.parts["SettingsDict"] = "\n".join(lines) + "\n"

    def define_alias(self, name: str, schema: Schema) -> None:
        values = schema.get("enum") or [each.get("const") for each in schema.get("oneOf", [])]
        if None in values:
            fail(name, "has variants that hold something: name them in VARIANTS")
        if values:
            form = bracketed(f"{name}: TypeAlias = Literal[", [json.dumps(value) for value in values], "]")
        else:
            form = f"{name}: TypeAlias = {self.form(name, schema)}"
        bullets = [bullet(json.dumps(each["const"]), words(f"{name}.{each['const']}", each)) for each in schema.get("oneOf", [])]
        self.parts[name] = "\n".join([form, *docstring(words(name, schema), *bullets), ""])

    def define_union(self, alias: str, name: str, schema: Schema, *, base: str = "", inside: str = "") -> None:
        """Adds a union, and a class for each of its variants that holds something."""
        literals, members, bullets = [], [], []
        classes = dict(VARIANTS[name])
        for variant in schema["oneOf"]:
            if "const" in variant:
                literals.append(json.dumps(variant["const"]))
                bullets.append(bullet(literals[-1], words(f"{name}.{variant['const']}", variant)))
                continue
            mark, tag, held = marked(name, variant)
            if tag not in classes:
                fail(f"{name}.{tag}", "is a variant that holds something: name it in VARIANTS")
            cls, _, only = classes.pop(tag).rstrip(")").partition("(")
            place, doc = f"{name}.{tag}", words(f"{name}.{tag}", variant)
            if only:
                self.define_bare_class(cls, only, place, held, doc)
            elif "$ref" in held:
                self.define(held["$ref"].removeprefix("#/$defs/"))
            else:
                self.define_class(cls, place, held, base=f"({base})" if base else "", doc=doc)
            extras = ", bare=True" * bool(only) + f', inside="{inside}"' * bool(inside)
            members.append(f"Annotated[{cls}, {mark.removesuffix(')')}{extras})]")
            bullets.append(bullet(cls, doc))
        if classes:
            fail(name, f"has no {', '.join(classes)}, which VARIANTS names")
        members = [f"Literal[{', '.join(literals)}]"] * bool(literals) + members + [base] * bool(base)
        form = f"{alias}: TypeAlias = {' | '.join(members)}"
        if len(form) > WIDTH:
            form = f"{alias}: TypeAlias = (\n    " + "\n    | ".join(members) + "\n)"
        self.parts[alias] = "\n".join([form, *docstring(words(name, schema), *bullets), ""])

    def field(self, name: str, place: str, schema: Schema, *, is_required: bool) -> str:
        form = self.form(place, schema)
        default = None if is_required else default_of(schema, form)
        if default == "None" and not form.endswith("None"):
            form += " | None"
        if form.startswith("Secret"):
            default = "field(repr=False)" if default is None else f"field(default={default}, repr=False)"
        # A trailing underscore, which the codec takes away, where the name is a keyword.
        name += "_" * keyword.iskeyword(name)
        return f"{name}: {form}" if default is None else f"{name}: {form} = {default}"

    def form(self, place: str, schema: Schema) -> str:
        """Returns the type expression of a part of a schema."""
        if place in TYPES:
            return TYPES[place]
        if "$ref" in schema:
            return python_name(schema["$ref"].removeprefix("#/$defs/"))
        if "anyOf" in schema:
            return " | ".join(self.form(place, each) for each in schema["anyOf"])
        types = schema.get("type")
        if isinstance(types, list):
            return " | ".join(self.form(place, schema | {"type": each}) for each in types)
        if types == "array":
            return self.lists.format(self.form(f"{place}[]", schema["items"]))
        scalars = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
        if types not in scalars:
            fail(place, "has a form that generate.py does not know")
        return scalars[types]


# Schemas.


@functools.cache
def definitions(source: str) -> Schema:
    schemas: Schema = json.loads((SCHEMAS / f"{source}.json").read_text())["$defs"]
    return schemas


def exists(place: str) -> bool:
    """Whether there is a type, `Item`, or a field of one, `Item.file`."""
    name, _, field = place.partition(".")
    schemas = [definitions(source).get(name) for source in ("input", "output")]
    return any(schema and (not field or field in schema["properties"]) for schema in schemas)


def shape(schema: Any) -> Any:
    """What a schema is but for what may be left out of its values."""
    if isinstance(schema, dict):
        return {key: shape(each) for key, each in schema.items() if key not in OPTIONALITY}
    return [shape(each) for each in schema] if isinstance(schema, list) else schema


OPTIONALITY = {"required", "default", "additionalProperties"}


def ordered(schema: Schema) -> list[tuple[str, Schema]]:
    """Returns the fields: first those that are required, in the order of the Rust type."""
    fields, required = schema.get("properties", {}), schema.get("required", [])
    names = [name for name in required if name in fields] + sorted(fields.keys() - required)
    return [(name, fields[name]) for name in names]


def is_required(schema: Schema, name: str) -> bool:
    return name in schema.get("required", [])


def default_of(schema: Schema, form: str) -> str:
    default = schema.get("default")
    if form.startswith("Sequence["):
        return "None" if form.endswith("None") else "()"
    if isinstance(default, str):
        return json.dumps(default)
    if isinstance(default, int) and not isinstance(default, bool):
        return f"{default:_}"
    return repr(default) if isinstance(default, (bool, float)) else "None"


def marked(name: str, variant: Schema) -> tuple[str, str, Schema]:
    """Returns how the codec tells a variant, its tag, and what it holds."""
    fields = dict(variant["properties"])
    for key, inner in variant["properties"].items():
        if "const" in inner:
            tag = inner["const"]
            del fields[key]
            content = CONTENTS.get(name, "")
            if content in fields:
                return f'Kind("{key}", "{tag}", content="{content}")', tag, fields[content]
            return f'Kind("{key}", "{tag}")', tag, variant | {"properties": fields}
    if len(fields) != 1:
        fail(name, "has a variant that generate.py does not know")
    ((tag, held),) = fields.items()
    return f'Tag("{tag}")', tag, held


# Texts.


def words(place: str, schema: Schema) -> str:
    """Returns what the documentation says of a type, a field or a variant, in words of Python."""
    text = WORDS.get(place) or schema.get("description")
    if not text:
        fail(place, "has no description: give it one in WORDS")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL).strip()
    owner = place.split(".")[0]
    return re.sub(r"`(?:(\w+)::)?([A-Za-z]\w*)`", lambda match: python_words(match, owner), text)


def python_words(match: re.Match[str], owner: str) -> str:
    """What Python calls what is in Rust a path, or a variant of the type that is spoken of."""
    path, name = match.groups()
    if match[0] in NAMES:
        return NAMES[match[0]]
    variant = re.sub(r"\B([A-Z])", r"_\1", name).lower() if name[0].isupper() else ""
    if variant in VARIANTS.get(path or owner, {}):
        return f"`{VARIANTS[path or owner][variant].partition('(')[0]}`"
    if variant and variant in constants(path or owner):
        return f'`"{variant}"`'
    if path == "Builder":
        return f"`StreamManager({name}=...)`"
    return f"`{path}.{name}`" if path else match[0]


def constants(name: str) -> list[str]:
    variants = (definitions("input") | definitions("output")).get(name, {}).get("oneOf", [])
    return [variant["const"] for variant in variants if "const" in variant]


def python_name(name: str) -> str:
    return RENAMED.get(name, name)


def docstring(text: str, *bullets: str, indent: int = 0, is_class: bool = False) -> list[str]:
    start = " " * indent + '"""'
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    if [len(start + paragraph) + 3 <= WIDTH for paragraph in paragraphs] == [True] and not bullets:
        return [f'{start}{paragraphs[0]}"""']
    if is_class and len(start + paragraphs[0]) > WIDTH:
        # Its first sentence stands alone, as that of every class.
        paragraphs[:1] = re.split(r"(?<=\.) ", paragraphs[0], maxsplit=1)
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += [*([""] if lines else []), *wrapped(paragraph, " " * indent, start if not lines else None)]
    if bullets:
        lines.append("")
    for each in bullets:
        lines += wrapped(each, "  ", "")
    return [*lines, " " * indent + '"""']


def bullet(name: str, text: str) -> str:
    return f"- `{name}`: {' '.join(text.split())}"


def wrapped(text: str, indent: str, start: str | None = None) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent if start is None else start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def bracketed(start: str, items: list[str], end: str) -> str:
    line = start + ", ".join(items) + end
    if len(line) <= WIDTH:
        return line
    return start + "\n" + "".join(f"    {item},\n" for item in items) + end


def fail(place: str, why: str) -> NoReturn:
    sys.exit(f"{place} {why}")


if __name__ == "__main__":
    sys.exit(main())
