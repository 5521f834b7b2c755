"""Python values to the JSON of docs/schema, and back.

A *form* is a type expression: `StreamSpec`, `tuple[StreamStatus, ...]`, `Airing | None`. Each is
compiled once into closures, which do the work. On the way out types are checked, and a mistake is
named by its place; whether what is well-typed also makes sense, the library says.
"""

# ruff: noqa: ANN401 - all of it is about values of any type

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import math
import os
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
    overload,
)

T = TypeVar("T")

# In this order a file's name is looked at as one before it is looked at as any text.
StrPath: TypeAlias = os.PathLike[str] | str
"""The name of a file or a directory."""

Encode: TypeAlias = Callable[[Any, str], Any]
"""From a value and its place to what `json.dumps` takes."""

Decode: TypeAlias = Callable[[Any], Any]
"""From what `json.loads` gives to a value."""


# Each is equal to itself alone: unions are hashed at every call, and so are their marks.
@dataclasses.dataclass(frozen=True, eq=False)
class Tag:
    """Marks a member of a union that is `{name: its fields}`, or bare, `{name: its only field}`."""

    name: str
    bare: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """Marks a member of a union that says in `key` which one it is.

    Its fields are beside the key; or in `content`, which of a bare one is its only field. With
    `inside`, the key and its own fields are in there, and what it inherits is outside.
    """

    key: str
    value: str
    content: str | None = None
    bare: bool = False
    inside: str | None = None


def to_json(value: object, form: object, name: str | None = None) -> str:
    """Writes a value as JSON. `None` is left out if it is the default of its field.

    Plain dicts and lists of the same JSON are taken at any place. `TypeError` and `ValueError` name
    the place, below `name` or else a word of the form, and never show the value: it may be a key.
    """
    value = _encoder(form)(value, _word(form) if name is None else name)
    return json.dumps(value, separators=(",", ":"))


@overload
def from_json(text: str, form: type[T]) -> T: ...
@overload
def from_json(text: str, form: object) -> Any: ...
def from_json(text: str, form: object) -> Any:
    """Reads a value. Unknown keys are ignored; unknown constants and kinds stay as they are."""
    value, decode = json.loads(text), _decoder(form)
    return decode(value) if decode else value


def label(url: object) -> str:
    """Returns what may be shown of a URL: behind its application there may be a token."""
    start = isinstance(url, str) and re.match(r"rtmps?://[^/?#@\s]+/[^/?#@\s]*", url, re.IGNORECASE)
    return start.group() if start else "***"


# From values to JSON.


@functools.cache
def _encoder(form: Any) -> Encode:
    origin = get_origin(form)
    if origin in _UNIONS:
        return _union_encoder(form)
    if origin in _LISTS:
        return _list_encoder(form)
    if origin is Mapping:
        return _mapping_encoder(form)
    if dataclasses.is_dataclass(form) or is_typeddict(form):
        return _object_encoder(form)
    return _SCALARS[origin or form]


def _object_encoder(cls: Any) -> Encode:
    fields = [(name, _wire(name), _encoder(form)) for name, form in _fields(cls).items()]
    by_wire = {wire: encode for _, wire, encode in fields}
    required = _required(cls)
    # The settings, which are a dict in Python too, have a version like all that stand alone.
    version = {"v": 1} if is_typeddict(cls) or hasattr(cls, "v") else {}

    def encode(value: Any, at: str) -> Any:
        if isinstance(value, Mapping):
            return version | _dict(value, at, by_wire)
        if is_typeddict(cls) or not isinstance(value, cls):
            raise _wrong(value, at, cls)
        written: dict[str, Any] = dict(version)
        for name, wire, encode_field in fields:
            item = encode_field(getattr(value, name), f"{at}.{name}")
            if item is not None or name in required:
                written[wire] = item
        return written

    return encode


def _list_encoder(form: Any) -> Encode:
    encode_item = _encoder(get_args(form)[0])

    def encode(value: Any, at: str) -> Any:
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes, bytearray)):
            raise _wrong(value, at, form)
        return [encode_item(item, f"{at}[{place}]") for place, item in enumerate(value)]

    return encode


def _mapping_encoder(form: Any) -> Encode:
    encode_item = _encoder(get_args(form)[1])

    def encode(value: Any, at: str) -> Any:
        if not isinstance(value, Mapping):
            raise _wrong(value, at, form)
        return _dict(value, at, dict.fromkeys(value, encode_item))

    return encode


def _union_encoder(form: Any) -> Encode:
    members = list(_members(form))
    nullable = any(member is types.NoneType for member, _ in members)
    choices: list[tuple[Any, Encode]] = []
    tagged: dict[str, Encode] = {}
    for member, mark in members:
        if mark:
            choices.append((member, _marked_encoder(member, mark)))
        elif member is not types.NoneType:
            choices.append((_instances(member), _encoder(member)))
        if isinstance(mark, Tag):
            tagged[mark.name] = _payload_encoder(member, mark)
    if any(mark for _, mark in members):
        choices.append((Mapping, lambda value, at: _dict(value, at, tagged)))

    def encode(value: Any, at: str) -> Any:
        if value is None and nullable:
            return None
        for instances, encode_as in choices:
            if isinstance(value, instances):
                return encode_as(value, at)
        raise _wrong(value, at, form)

    return encode


def _marked_encoder(cls: Any, mark: Tag | Kind) -> Encode:
    encode_payload = _payload_encoder(cls, mark)
    only = next(iter(_fields(cls))) if mark.bare else None
    encode_outside = _encoder(cls.__base__) if isinstance(mark, Kind) and mark.inside else None

    def encode(value: Any, at: str) -> Any:
        payload = encode_payload(getattr(value, only), f"{at}.{only}") if only else encode_payload(value, at)
        if isinstance(mark, Tag):
            return {mark.name: payload}
        kind = {mark.key: mark.value}
        if mark.content:
            return kind | {mark.content: payload}
        if mark.inside and encode_outside:
            outside = encode_outside(value, at)
            own = {name: item for name, item in payload.items() if name not in outside}
            return outside | {mark.inside: kind | own}
        return kind | payload

    return encode


def _payload_encoder(cls: Any, mark: Tag | Kind) -> Encode:
    return _encoder(next(iter(_fields(cls).values())) if mark.bare else cls)


def text(value: Any, at: str) -> str:
    """Returns a text as it is. Raises as `to_json` does."""
    if not isinstance(value, str):
        raise _wrong(value, at, str)
    if not _is_unicode(value):
        raise ValueError(f"{at}: has a lone surrogate, which is half a character, and is no text")
    return value


def _path(value: Any, at: str) -> str:
    name = os.fsdecode(value)
    if not _is_unicode(name):
        raise ValueError(f"{at}: the name {name!r} is not UTF-8; give the file one that is")
    return name


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _integer(value: Any, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value, at, int)
    return value


def _number(value: Any, at: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _wrong(value, at, float)
    if not math.isfinite(value):
        raise ValueError(f"{at}: expected a finite number")
    return value


def _boolean(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, at, bool)
    return value


def _moment(value: dt.datetime, at: str) -> str:
    if value.utcoffset() is None:
        raise ValueError(f"{at}: a datetime without a zone is no instant; .astimezone() gives it one")
    return value.isoformat()


def _civil_time(value: dt.time, at: str) -> str:
    if value.tzinfo:
        raise ValueError(f"{at}: a time here is in the zone of its schedule; leave its tzinfo out")
    return value.isoformat()


_SCALARS: Mapping[Any, Encode] = {
    Literal: text,
    str: text,
    int: _integer,
    float: _number,
    bool: _boolean,
    os.PathLike: _path,
    dt.datetime: _moment,
    dt.time: _civil_time,
}


def _dict(value: Mapping[Any, Any], at: str, known: Mapping[str, Encode]) -> dict[str, Any]:
    written = {}
    for key, item in value.items():
        encode = known.get(key, _any)
        # A stream key may stand where a name should.
        name = key if key in known or re.fullmatch("[a-z_]+", str(key)) else "***"
        written[text(key, f"{at}, a key")] = encode(item, f"{at}.{name}" if at else str(name))
    return {key: item for key, item in written.items() if item is not None or key not in known}


def _any(value: Any, at: str) -> Any:
    """What has no form: JSON as Python has it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return _dict(value, at, {})
    if isinstance(value, (list, tuple)):
        return [_any(item, f"{at}[{place}]") for place, item in enumerate(value)]
    for scalar in (str, int, float, os.PathLike):
        if isinstance(value, scalar):
            return _SCALARS[scalar](value, at)
    raise TypeError(f"{at}: expected what JSON has, not {type(value).__name__}")


def _wrong(value: object, at: str, form: object) -> TypeError:
    return TypeError(f"{at}: expected {_expected(form)}, not {'None' if value is None else type(value).__name__}")


# From JSON to values.


@functools.cache
def _decoder(form: Any) -> Decode | None:
    """Returns `None` where what JSON has is a value already."""
    origin = get_origin(form)
    if origin in _UNIONS:
        return _union_decoder(form)
    if origin in _LISTS:
        decode_item = _decoder(get_args(form)[0])
        return (lambda items: tuple(map(decode_item, items))) if decode_item else tuple
    if dataclasses.is_dataclass(form) or is_typeddict(form):
        return _object_decoder(form)
    return None


def _object_decoder(cls: Any) -> Decode:
    by_wire = {_wire(name): (name, _decoder(form)) for name, form in _fields(cls).items()}

    def decode(value: Any) -> Any:
        read = {}
        for wire, item in value.items():
            if wire in by_wire:
                name, decode_item = by_wire[wire]
                read[name] = decode_item(item) if decode_item and item is not None else item
        return cls(**read)

    return decode


def _union_decoder(form: Any) -> Decode | None:
    marked = [(mark, _payload_decoder(cls, mark)) for cls, mark in _members(form) if mark]
    plain = [(_instances(member), _decoder(member)) for member, mark in _members(form) if not mark]
    decoders = [(instances, decode) for instances, decode in plain if decode]
    if not marked and not decoders:
        return None

    def decode(value: Any) -> Any:
        if isinstance(value, dict):
            for mark, decode_payload in marked:
                payload = _payload(value, mark)
                if payload is not None:
                    return decode_payload(payload)
        for instances, decode_as in decoders:
            if isinstance(value, instances):
                return decode_as(value)
        return value

    return decode


def _payload(value: dict[str, Any], mark: Tag | Kind) -> Any:
    """What a member of a union is made of, if the mark says that it is this one."""
    if isinstance(mark, Tag):
        return value.get(mark.name)
    own = value[mark.inside] if mark.inside else value
    if own.get(mark.key) != mark.value:
        return None
    return own.get(mark.content) if mark.content else value | own


def _payload_decoder(cls: Any, mark: Tag | Kind) -> Decode:
    if not mark.bare:
        return _object_decoder(cls)
    decode_only = _decoder(next(iter(_fields(cls).values())))
    return lambda payload: cls(decode_only(payload) if decode_only else payload)


# Forms.

_UNIONS = (Union, types.UnionType, Annotated)
_LISTS = (tuple, Sequence)


def _members(form: Any) -> Iterator[tuple[Any, Tag | Kind | None]]:
    for member in (form,) if get_origin(form) is Annotated else get_args(form):
        if get_origin(member) is Annotated:
            yield get_args(member)
        else:
            yield member, None


def _instances(member: Any) -> Any:
    """What `isinstance` takes for a member of a union, as a value or as JSON."""
    origin = get_origin(member)
    if origin is Literal:
        return str
    if origin is os.PathLike:
        return (os.PathLike, str, bytes)
    if origin in _LISTS:
        return Sequence
    if dataclasses.is_dataclass(member):
        return (member, Mapping)
    return (int, float) if member is float else origin or member


def _fields(cls: Any) -> dict[str, Any]:
    """The forms of a class's fields by their names."""
    hints = get_type_hints(cls, include_extras=True)
    if is_typeddict(cls):
        return hints
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _required(cls: Any) -> set[str]:
    """The names of a class's fields that have no default."""
    if is_typeddict(cls):
        return set()
    return {field.name for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING}


def _wire(name: str) -> str:
    """The JSON's name of a field that Python would take for a keyword."""
    return name.rstrip("_")


def _word(form: Any) -> str:
    """What a value is called if nobody says it: `spec` for a `StreamSpec`."""
    if is_typeddict(form):
        return ""
    if get_origin(form) in _LISTS:
        return _word(get_args(form)[0]) + "s"
    words: list[str] = re.findall("[A-Z][a-z]*", form.__name__ if isinstance(form, type) else "")
    return words[-1].lower() if words else "value"


def _expected(form: Any) -> str:
    origin = get_origin(form)
    if origin in _UNIONS:
        words = [_expected(member) for member, _ in _members(form) if member is not types.NoneType]
        return " or ".join(dict.fromkeys(words))
    if origin in _LISTS:
        return f"a list of {_expected(get_args(form)[0])}"
    if origin is Mapping:
        return f"a dict of {_expected(get_args(form)[1])}"
    return "str" if origin is Literal else str((origin or form).__name__)
