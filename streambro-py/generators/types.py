"""The dataclasses, from the schemas."""

from __future__ import annotations

import json
import keyword
import re

from .schema import Schema, default_of, definitions, exists, fail, is_required, marked, ordered, shape
from .tables import CONTENTS, DEFAULTS, METHODS, RENAMED, TYPES, VARIANTS, WORDS
from .text import WIDTH, bracketed, bullet, docstring, entry, python_name, union, words


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
        """Begins the file of a schema, without the types that the other file has."""
        self.source = source
        self.about = about
        self.lists = lists
        self.others = others
        self.schemas = definitions(source)
        self.parts: dict[str, str] = {}

    def text(self) -> str:
        """Returns the file."""
        for place in (*CONTENTS, *DEFAULTS, *METHODS, *RENAMED, *TYPES, *VARIANTS, *WORDS):
            if not exists(place):
                fail(place, "is in a table, but in no schema")
        for name in sorted(self.schemas):
            self.define(name)
        exports = "".join(f'    "{name}",\n' for name in sorted(self.parts))
        body = "\n\n".join(self.parts.values())
        return (
            f'"""{self.about}"""\n\n'
            f"# Made by generate.py from docs/schema/{self.source}.json: change nothing here.\n"
            f"# ruff: noqa: {'TC001' if self.others else 'TC003'} - the codec looks types up\n\n"
            f"from __future__ import annotations\n\n{self.imports(body)}\n"
            f"__all__ = [\n{exports}]\n\n\n{body}"
        )

    def imports(self, body: str) -> str:
        """Returns the imports of what the code names; docstrings name more."""
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
        """Adds a dataclass."""
        lines = ["@dataclass(frozen=True, kw_only=True, slots=True)", f"class {cls}({base}):" if base else f"class {cls}:"]
        fields, entries = [], []
        for name, inner in ordered(schema):
            if name == "v":
                fields.append("    v: ClassVar[int] = 1")
                entries.append("v: The version of its JSON, which is 1.")
                continue
            inside, needed = f"{place}.{name}", is_required(schema, name)
            fields.append("    " + self.field(name, inside, inner, is_required=needed))
            default = None if needed else f"`{default_of(inner, self.form(inside, inner))}`"
            entries.append(entry(python_field(name), words(inside, inner), default))
        heading = f"Fields, besides those of `{base}`:" if base else "Fields:"
        lines += docstring(doc or words(place, schema), fields=entries, heading=heading, indent=4, is_class=True)
        lines += ["", *fields] if fields else []
        self.parts[cls] = "\n".join(lines) + "\n" + METHODS.get(cls, "")

    def define_bare_class(self, cls: str, field: str, place: str, schema: Schema, doc: str) -> None:
        """Adds a dataclass of one field, which is written without its name."""
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
        """Adds the settings, which Python takes as keyword arguments."""
        lines = ["class SettingsDict(TypedDict, total=False):"]
        fields, entries = [], []
        for name, inner in ordered(schema):
            if name != "v":
                place = f"Settings.{name}"
                if place not in DEFAULTS:
                    fail(place, "has no default in words: give it one in DEFAULTS")
                fields.append(f"    {name}: {self.form(place, inner)}")
                entries.append(entry(name, words(place, inner), DEFAULTS[place]))
        lines += docstring(words("Settings", schema), fields=entries, heading="Fields:", indent=4, is_class=True)
        lines += ["", *fields]
        self.parts["SettingsDict"] = "\n".join(lines) + "\n"

    def define_alias(self, name: str, schema: Schema) -> None:
        """Adds constants, or another name for a scalar."""
        values = schema.get("enum") or [each.get("const") for each in schema.get("oneOf", [])]
        if None in values:
            fail(name, "has variants that hold something: name them in VARIANTS")
        if values:
            form = bracketed(f"{name}: TypeAlias = Literal[", [json.dumps(value) for value in values], "]")
        else:
            form = f"{name}: TypeAlias = {self.form(name, schema)}"
        bullets = [
            bullet(json.dumps(each["const"]), words(f"{name}.{each['const']}", each)) for each in schema.get("oneOf", [])
        ]
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
                self.define_class(cls, place, held, base=base, doc=doc)
            extras = ", bare=True" * bool(only) + f', inside="{inside}"' * bool(inside)
            members.append(f"Annotated[{cls}, {mark.removesuffix(')')}{extras})]")
            bullets.append(bullet(cls, doc))
        if classes:
            fail(name, f"has no {', '.join(classes)}, which VARIANTS names")
        if base:
            bullets.append(bullet(base, "Of a kind that this version does not know."))
        members = [f"Literal[{', '.join(literals)}]"] * bool(literals) + members + [base] * bool(base)
        form = union(f"{alias}: TypeAlias = ", members)
        self.parts[alias] = "\n".join([form, *docstring(words(name, schema), *bullets), ""])

    def field(self, name: str, place: str, schema: Schema, *, is_required: bool) -> str:
        """Returns a field of a dataclass."""
        form = self.form(place, schema)
        default = None if is_required else default_of(schema, form)
        if default == "None" and not form.endswith("None"):
            form += " | None"
        if form.startswith("Secret"):
            default = "field(repr=False)" if default is None else f"field(default={default}, repr=False)"
        name = python_field(name)
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


def python_field(name: str) -> str:
    """Returns the name of a field, with an underscore behind a keyword, which the codec takes away."""
    return name + "_" * keyword.iskeyword(name)
