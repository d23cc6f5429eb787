"""JSON objects as frozen dataclasses.

Checked when read, written back as they were. What is in a file that this version does not know, an
explicit null and the order of the keys are all kept: a run directory may come from a newer minor
version, and a published record is compared by its hash. (pydantic's dataclasses keep none of the
three.)
"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


class SchemaError(ValueError):
    """JSON that does not fit its type.

    The message names the field and what stands there.
    """


@dataclass(frozen=True, kw_only=True)
class JsonObject:
    """A JSON object.

    Its fields are the keys that are known, `stated` is all that was read. A field without a default
    must be there. A null stands for the default. Metadata `keys` of a field: the key in JSON where
    it is not the field's name, and then older names of it.
    """

    stated: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object, where: str = "") -> Self:
        """Check a JSON value against the type.

        where: the field it stands in. SchemaError.
        """
        if not isinstance(value, Mapping):
            raise SchemaError(f"{where or 'it'} must be an object, not {value!r:.60}")
        known: dict[str, Any] = {}
        for one in _fields(cls):
            key = one.key_in(value)
            if value.get(key) is not None:
                known[one.name] = _read(value[key], one.kind, f"{where}.{key}".lstrip("."))
            elif one.required:
                raise SchemaError(f"{f'{where}.{key}'.lstrip('.')} is missing")
        return cls(stated=value, **known)

    def to_json(self) -> dict[str, Any]:
        """The record's JSON: as read, with today's fields."""
        known = {one.key_in(self.stated): one for one in _fields(type(self))}
        written = {key: None if key in known else as_json(value)
                   for key, value in self.stated.items()}
        for key, one in known.items():
            value = getattr(self, one.name)
            if self.stated.get(key) is not None or value != one.default:
                written[key] = as_json(value)
        return written

    def changed(self, **changes: Any) -> Self:
        """A copy of a record with fields replaced.

        By values or by their JSON. SchemaError. A field that is named is written from now on, also
        where it is None.
        """
        names, written = {one.name: one for one in _fields(type(self))}, self.to_json()
        for name, value in changes.items():
            if name not in names:
                raise TypeError(f"{type(self).__name__} has no field {name!r}")
            written[names[name].key_in(written)] = as_json(value)
        return type(self).from_json(written)


def as_json(value: Any) -> Any:
    """A value of a field as JSON has it."""
    if isinstance(value, JsonObject):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return value


@dataclass(frozen=True)
class _Field:
    name: str
    keys: tuple[str, ...]
    kind: Any
    default: Any
    required: bool

    def key_in(self, value: Mapping[str, Any]) -> str:
        """The JSON key of a record's field.

        By which an object has it, or would have it.
        """
        return next((key for key in self.keys if key in value), self.keys[0])


_KNOWN: dict[type[JsonObject], tuple[_Field, ...]] = {}


def _fields(cls: type[JsonObject]) -> tuple[_Field, ...]:
    """The fields of a type, worked out once."""
    if cls not in _KNOWN:
        _KNOWN[cls] = _found(cls)
    return _KNOWN[cls]


def _found(cls: type[JsonObject]) -> tuple[_Field, ...]:
    kinds = typing.get_type_hints(cls)
    found = []
    for one in dataclasses.fields(cls):
        if one.name == "stated":
            continue
        made = one.default_factory is not dataclasses.MISSING
        default = one.default_factory() if one.default_factory is not dataclasses.MISSING \
            else one.default
        required = not made and one.default is dataclasses.MISSING
        found.append(_Field(one.name, one.metadata.get("keys", (one.name,)), kinds[one.name],
                            default, required))
    return tuple(found)


SCALARS: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float),
                                         bool: (bool,)}
SAID = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _read(value: Any, kind: Any, where: str) -> Any:
    """A JSON value as a field has it; SchemaError where it is of another kind."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is types.UnionType:  # of a kind and None, which has been looked at before
        return None if value is None else _read(value, inner[0], where)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise SchemaError(f"{where} must be a list, not {value!r:.60}")
        return tuple(_read(one, inner[0], f"{where}[{at}]") for at, one in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise SchemaError(f"{where} must be an object, not {value!r:.60}")
        return {key: _read(one, inner[1], f"{where}.{key}") for key, one in value.items()}
    if isinstance(kind, type) and issubclass(kind, JsonObject):
        return kind.from_json(value, where)
    if not isinstance(value, SCALARS[kind]) or (isinstance(value, bool) and kind is not bool):
        raise SchemaError(f"{where} must be {SAID[kind]}, not {value!r:.60}")
    return value
