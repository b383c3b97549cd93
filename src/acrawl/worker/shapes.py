"""Classes of items as msgspec checks them: what has been encoded is decoded as a Struct with the same fields.

It stands for the class because decoding makes an object, and making one of the user's would run his code a second time
(``__post_init__``, validators), on values that it has changed already.
"""

from __future__ import annotations

import dataclasses
import logging
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, Optional, Union

import msgspec
from msgspec.inspect import CustomType, type_info

log = logging.getLogger(__name__)

#: What travels in the place of a class that is derived of it.
_BASES = (str, int, float, bytes, dict, list, tuple, set, frozenset)
#: Annotations that say something about a field beside its type.
_AROUND = (typing.Final, typing.Required, typing.NotRequired)


class _Field(NamedTuple):
    name: str
    required: bool
    default: Any


class _Unchecked(Exception):
    """An annotation that cannot be checked."""


def decoder_of(cls: type) -> Callable[[bytes], Any] | None:
    """What raises `msgspec.ValidationError` for the bytes of an item that is not as its class says.

    None where nothing can be checked. Fields whose annotations msgspec cannot take are not checked; a warning says so,
    once: the caller remembers the answer.
    """
    shapes = _Shapes()
    try:
        shape = shapes.of(cls)
        shapes.settle()
        decoder = msgspec.msgpack.Decoder(shape).decode
    except Exception as error:  # noqa: BLE001 - annotations are the user's code: his items pass unchecked
        log.warning("items of class %s are not checked: its annotations cannot be read: %s", cls.__name__, error)
        return None
    if shapes.unchecked:
        names = ", ".join(shapes.unchecked)
        log.warning(
            "items of class %s: any value passes in %s: such annotations cannot be checked", cls.__name__, names
        )
    return decoder


class _Shapes:
    """The shapes of one class and of those in its annotations."""

    def __init__(self) -> None:
        self.unchecked: list[str] = []
        self._of: dict[type, Any] = {}
        self._whole: list[tuple[type, Any]] = []

    def of(self, cls: type) -> Any:
        """The Struct that stands for a class."""
        if cls in self._of:
            return self._of[cls]
        fields = _fields(cls)
        hints = typing.get_type_hints(cls, include_extras=True)
        shape = self._of[cls] = _struct(cls, fields)
        for field in fields:  # afterwards, because a class may speak of itself
            hint = hints.get(field.name, Any)
            if field.default is None:  # how many write an optional field
                hint = Optional[hint]  # noqa: UP045 - not every annotation has an operator
            try:
                shape.__annotations__[field.name] = self._mapped(hint)
            except _Unchecked:
                self._give_up(cls, shape, field.name)
        self._whole.append((cls, shape))
        return shape

    def settle(self) -> None:
        """Leave out what msgspec cannot take: inner classes first, since what speaks of them needs them whole."""
        for cls, shape in self._whole:
            for name, hint in list(shape.__annotations__.items()):
                try:
                    msgspec.msgpack.Decoder(hint)
                except TypeError:  # a union of two texts, say
                    self._give_up(cls, shape, name)

    def _give_up(self, cls: type, shape: Any, name: str) -> None:
        shape.__annotations__[name] = Any
        self.unchecked.append(f"{cls.__name__}.{name}")

    def _mapped(self, hint: Any) -> Any:
        """An annotation with shapes in the place of classes. Raises `_Unchecked`."""
        if isinstance(hint, typing.TypeVar):
            return Any
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is None:
            return self._plain(hint)
        if origin is typing.Literal:
            return hint
        if origin is Annotated:
            return Annotated[(self._mapped(inner[0]), *hint.__metadata__)]
        if origin in _AROUND:
            return self._mapped(inner[0])
        if _has_fields(origin):
            return self.of(origin)
        mapped = tuple(one if one is ... else self._mapped(one) for one in inner if one is not msgspec.UnsetType)
        if origin in {Union, types.UnionType}:
            return Union[mapped]  # noqa: UP007 - of a number known only now
        return self._plain(origin)[mapped]

    def _plain(self, hint: Any) -> Any:
        if hint is object or hint is msgspec.UnsetType:
            return Any
        if not isinstance(hint, type):
            return hint
        if _has_fields(hint):
            return self.of(hint)
        if not isinstance(type_info(hint), CustomType):
            return hint
        if hasattr(hint, "__pydantic_validator__"):
            return dict
        base = next((base for base in _BASES if issubclass(hint, base)), None)
        if base is None:
            raise _Unchecked
        return base


def _has_fields(cls: Any) -> bool:
    if not isinstance(cls, type):
        return False
    return issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls) or hasattr(cls, "__attrs_attrs__")


def _fields(cls: Any) -> list[_Field]:
    """The fields that travel; private ones may stay behind."""
    if issubclass(cls, msgspec.Struct):
        return [_Field(one.name, one.required, one.default) for one in msgspec.structs.fields(cls)]
    declared = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else cls.__attrs_attrs__
    return [_Field(one.name, True, one.default) for one in declared if not one.name.startswith("_")]


def _struct(cls: Any, fields: list[_Field]) -> Any:
    listed: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (one.name, Any) if one.required else (one.name, Any, msgspec.UNSET) for one in fields
    ]
    if not issubclass(cls, msgspec.Struct):
        return msgspec.defstruct(cls.__name__, listed, kw_only=True)
    config = cls.__struct_config__
    renamed = dict(zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True))
    return msgspec.defstruct(
        cls.__name__,
        listed,
        kw_only=True,
        rename=renamed,
        tag=config.tag,
        tag_field=config.tag_field,
        array_like=config.array_like,
    )
