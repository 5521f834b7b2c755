"""The schemas of docs/schema, and what they say."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from .tables import CONTENTS

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schema"

Schema = dict[str, Any]


@functools.cache
def definitions(source: str) -> Schema:
    """Returns the types of one schema, `input` or `output`."""
    schemas: Schema = json.loads((SCHEMAS / f"{source}.json").read_text())["$defs"]
    return schemas


def definition(name: str) -> Schema:
    """Returns one of either schema; an empty one if there is none."""
    schema: Schema = (definitions("input") | definitions("output")).get(name, {})
    return schema


def exists(place: str) -> bool:
    """Whether there is a type, `Item`, or a field or a variant of one, `Item.file`."""
    name, _, part = place.partition(".")
    schema = definition(name)
    tags = [each.get("const") or marked(name, each)[1] for each in schema.get("oneOf", [])]
    return bool(schema) and (not part or part in schema.get("properties", {}) or part in tags)


def constants(name: str) -> list[str]:
    """Returns the variants that hold nothing."""
    return [each["const"] for each in definition(name).get("oneOf", []) if "const" in each]


def shape(schema: Any) -> Any:  # noqa: ANN401 - JSON
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
    """Whether a value must have this field."""
    return name in schema.get("required", [])


def default_of(schema: Schema, form: str) -> str:
    """Returns the default of a field that need not be there, as Python."""
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


def fail(place: str, why: str) -> NoReturn:
    """Ends the program, as neither the schemas nor the tables may be wrong."""
    sys.exit(f"{place} {why}")
