"""What stands in the files: words, wrapped."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from .schema import Schema, constants, fail
from .tables import NAMES, RENAMED, VARIANTS, WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

# That of pyproject.toml.
WIDTH = 128


def words(place: str, schema: Schema) -> str:
    """Returns what the documentation says of a type, a field or a variant, in words of Python."""
    text = WORDS.get(place) or schema.get("description")
    if not text:
        fail(place, "has no description: give it one in WORDS")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL).strip()
    owner = place.partition(".")[0]
    text = re.sub(r"`(?:(\w+)::)?([A-Za-z]\w*)`", lambda match: python_words(match, owner), text)
    if "::" in text or "\\" in text or '"""' in text:
        fail(place, "is described in a way that Python does not know: describe it in WORDS")
    return text


def python_words(match: re.Match[str], owner: str) -> str:
    """What Python calls what is in Rust a path, or a variant of the type that is spoken of."""
    path, name = match.groups()
    if match[0] in NAMES:
        return NAMES[match[0]]
    variant = re.sub(r"\B([A-Z])", r"_\1", name).lower() if name[0].isupper() else ""
    if variant in VARIANTS.get(path or owner, {}):
        return f"`{VARIANTS[path or owner][variant].split('(')[0]}`"
    if variant and variant in constants(path or owner):
        return f'`"{variant}"`'
    if path == "Builder":
        return f"`StreamManager({name}=...)`"
    return f"`{path}.{name}`" if path else match[0]


def python_name(name: str) -> str:
    """Returns the name of a type."""
    return RENAMED.get(name, name)


def docstring(
    text: str, *bullets: str, fields: Sequence[str] = (), heading: str = "", indent: int = 0, is_class: bool = False
) -> list[str]:
    """Returns the lines of one, the quotes included; fields stand under a heading of their own."""
    start = " " * indent + '"""'
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    if [len(start + paragraph) + 3 <= WIDTH for paragraph in paragraphs] == [True] and not bullets and not fields:
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
    if fields:
        lines += ["", " " * indent + heading]
    for each in fields:
        lines += wrapped(each, " " * (indent + 8), " " * (indent + 4))
    return [*lines, " " * indent + '"""']


def bullet(name: str, text: str) -> str:
    """Returns one entry of a list in a docstring."""
    return f"- `{name}`: {' '.join(text.split())}"


def entry(name: str, text: str, default: str | None) -> str:
    """Returns one field of a list in a docstring; a default that its text has in words stands for that of the code."""
    text, _, told = " ".join(text.split()).partition(" Default: ")
    default = told.removesuffix(".") or default
    if default is None:
        return f"{name}: {text}"
    return f"{name}: {text.removesuffix('.')} (default: {default})"


def wrapped(text: str, indent: str, start: str | None = None) -> list[str]:
    """Returns a paragraph's lines; the first begins with `start`, if it is given."""
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent if start is None else start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def bracketed(start: str, items: list[str], end: str) -> str:
    """Returns a list as ruff formats it."""
    line = start + ", ".join(items) + end
    if len(line) <= WIDTH:
        return line
    return start + "\n" + "".join(f"    {item},\n" for item in items) + end


def union(start: str, members: list[str]) -> str:
    """Returns a union as ruff formats it."""
    line = " | ".join(members)
    if len(start + line) <= WIDTH:
        return start + line
    lines = f"    {line}" if len(line) + 4 <= WIDTH else "    " + "\n    | ".join(members)
    return f"{start}(\n{lines}\n)"
