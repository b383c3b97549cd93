"""What is wrong with an item: which field, what was expected there, and what was there. Pure."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import reprlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

#: What msgspec says of a value: its complaint, and the path of the value.
_PLACED = re.compile(r"(.*?)(?: - at `(key` in `)?\$(.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(?:(\d+)|\.\.\.)\]")
_TOP = re.compile(r"[^.\[]+(?:\.[^.\[]+|\[[^\]]*\])?")
#: Characters of a key that looks like a field's name in a path.
_LONGEST_NAME = 60
#: Keys of a table that are tried one by one.
_MOST_KEYS = 100
#: How deep it is looked for what cannot travel; msgspec itself goes no deeper than the interpreter.
_DEEPEST = 100
#: Characters of a path and of what is wrong there; both may hold what a page holds.
_LONGEST_FIELD, _LONGEST_PROBLEM = 300, 500
#: Errors of pydantic that another one of the same item need not be told with.
_TOLD_ERRORS = 3

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 80


class InvalidItem(Exception):
    """An item that is not as its class says, or cannot travel. ``field`` is ``Product.price[3].currency``."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = portable(shortened(field, _LONGEST_FIELD))
        self.problem = portable(shortened(problem, _LONGEST_PROBLEM))
        super().__init__(f"{self.field}: {self.problem}")

    @property
    def about(self) -> str:
        """Its class and the topmost field: what is warned of once."""
        found = _TOP.match(self.field)
        return found[0] if found else self.field


class Complaint(NamedTuple):
    """A validation error that a callback raised: what it is about (see `InvalidItem.about`), and all of it in words."""

    about: str
    text: str


def portable(text: str) -> str:
    """A text as it can travel: without half characters."""
    return text.encode("utf-8", "backslashreplace").decode() if not text.isascii() else text


def shortened(text: str, most: int, gap: str = "...") -> str:
    """A text of at most so many characters, or its beginning and its end with ``gap`` between them."""
    return text if len(text) <= most else f"{text[: most // 2]}{gap}{text[-most // 2 :]}"


def shown(value: Any) -> str:
    """A value in a few characters, whatever its ``repr`` does."""
    return _repr.repr(value)


def kind_of(made: Any) -> str:
    """The name of an item's class."""
    return type(made).__name__


def unlike(made: Any, plain: Any, error: Exception, fails: Callable[[Any], bool]) -> InvalidItem:
    """What msgspec says of an item; ``plain`` is it as it would travel, and ``fails`` checks that, changed perhaps."""
    found = _PLACED.fullmatch(str(error))
    assert found is not None
    path, is_known, value = _followed(plain, found[3] or "", fails)
    path = f"{kind_of(made)}{path}"
    if missing := _MISSING.fullmatch(found[1]):
        return InvalidItem(f"{path}.{missing[1]}", "it is missing")
    problem = found[1][:1].lower() + found[1][1:]
    if found[2]:
        return InvalidItem(path, f"{problem} for a key")
    return InvalidItem(path, f"{problem} ({shown(value)})" if is_known else problem)


def _followed(plain: Any, path: str, fails: Callable[[Any], bool]) -> tuple[str, bool, Any]:
    """A path of msgspec's with the keys that it does not tell, whether the value there is known, and the value."""
    steps = list(_STEP.finditer(path))
    told, value = "", plain
    try:
        for step in steps:
            name, index = step.groups()
            key = name or (int(index) if index else _failing(plain, value, fails))
            told += step[0] if name or index else _step(key)
            value = value[key]
    except (LookupError, TypeError):  # a name with a dot in it, say: the path as it came tells enough
        return path, False, None
    return (told, True, value) if sum(len(step[0]) for step in steps) == len(path) else (path, False, None)


def _failing(plain: Any, table: dict[Any, Any], fails: Callable[[Any], bool]) -> Any:
    """The key in a table, a part of ``plain``, whose value fails; the others are taken out. Raises LookupError."""
    entries = dict(table) if len(table) <= _MOST_KEYS else {}
    for key, value in entries.items():
        table.clear()
        table[key] = value
        if fails(plain):
            return key
    raise LookupError


def stranded(made: Any, encode: Callable[[Any], bytes], error: Exception) -> InvalidItem:
    """Find the innermost part of an item that cannot travel; ``error`` is what encoding all of it raised."""
    path, value = kind_of(made), made
    for _ in range(_DEEPEST):
        inner = next(((step, part, why) for step, part in _parts(value) if (why := refusal(part, encode))), None)
        if inner is None:
            break
        step, value, error = inner
        path += step
    else:
        return InvalidItem(InvalidItem(path, "").about, "it contains itself, or is nested too deep")
    if isinstance(error, InvalidItem):  # of a model, and its path begins with the class of that
        return InvalidItem(path + error.field.removeprefix(kind_of(value)), error.problem)
    return InvalidItem(path, f"{shown(value)} cannot travel: {_first_line(error)}")


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value consists of: keys of tables first, each with the step that leads to it."""
    if isinstance(value, Mapping):
        yield from ((f" (the key {shown(key)})", key) for key in value)
        yield from ((_step(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{n}]", part) for n, part in enumerate(value))
    else:
        yield from ((f".{name}", getattr(value, name)) for name in field_names(value) if hasattr(value, name))


def _step(key: Any) -> str:
    plain = isinstance(key, str) and key.isidentifier() and len(key) <= _LONGEST_NAME
    return f".{key}" if plain else f"[{shown(key)}]"


def field_names(value: Any) -> list[str]:
    """The fields of an object whose class declares some."""
    if isinstance(value, msgspec.Struct):
        return list(value.__struct_fields__)
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    if hasattr(value, "__attrs_attrs__"):
        return [field.name for field in value.__attrs_attrs__]
    return []


def is_model(value: Any) -> bool:
    """Whether it is a model of pydantic."""
    return hasattr(type(value), "__pydantic_validator__") and hasattr(type(value), "model_dump")


def refusal(part: Any, encode: Callable[[Any], bytes]) -> Exception | None:
    """Why a value cannot travel; None if it can."""
    try:
        encode(part)
    except Exception as error:  # noqa: BLE001 - users' objects raise what they like: this is the part that is looked for
        return error
    return None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def complaint_of(error: Exception) -> Complaint | None:
    """What a validation error of pydantic's or msgspec's says; None for any other error."""
    if isinstance(error, msgspec.ValidationError):
        return Complaint(str(error), f"{error}{_where(error)}")
    if is_pydantics(error):
        found = of_pydantic(errors_of(error), str(error.title))  # type: ignore[attr-defined]
        return Complaint(found.about, f"{found}{_where(error)}")
    return None


def is_pydantics(error: Exception) -> bool:
    """Whether it is pydantic's ``ValidationError``, which nobody can have raised without the library."""
    core = sys.modules.get("pydantic_core")
    return core is not None and isinstance(error, core.ValidationError)


def errors_of(error: Any) -> list[dict[str, Any]]:
    """The single errors in pydantic's ``ValidationError``."""
    return error.errors(include_url=False, include_context=False)  # type: ignore[no-any-return]


def of_pydantic(errors: list[dict[str, Any]], within: str) -> InvalidItem:
    """What pydantic says of an item: its first error, and how many more; ``within`` is the path of its model."""
    told = [f"{each['msg']} (got {shown(each['input'])})" for each in errors[:1]]
    others = [path_of(each["loc"]).lstrip(".") or "all of it" for each in errors[1 : 1 + _TOLD_ERRORS]]
    if others:
        told.append(f"also wrong: {', '.join(others)}")
    if len(errors) > 1 + _TOLD_ERRORS:
        told.append(f"and {len(errors) - 1 - _TOLD_ERRORS} more")
    return InvalidItem(within + path_of(errors[0]["loc"]), "; ".join(told))


def path_of(steps: tuple[str | int, ...]) -> str:
    """A path as pydantic has it, as text."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _where(error: Exception) -> str:
    """The user's line that raised."""
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if "pydantic" not in pathlib.PurePath(frame.filename).parts]
    return f" - {frames[-1].filename}:{frames[-1].lineno}, in {frames[-1].name}" if frames else ""
