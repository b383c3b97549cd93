"""Models of pydantic, which is never imported here: checked once more, and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from acrawl.worker.invalid import (
    InvalidItem,
    errors_of,
    is_model,
    is_pydantics,
    kind_of,
    of_pydantic,
    refusal,
    stranded,
)

#: Errors of what can run only once: functions of the user's, and types that hold something else than they take.
_ONCE = frozenset({"value_error", "assertion_error", "json_type", "json_invalid", "base64_decode"})


def plain(model: Any, encode: Callable[[Any], bytes]) -> Any:
    """What travels of a model: its ``model_dump``, and where that cannot travel, what JSON has in its place.

    Raises `InvalidItem` when what has been set since it was made is not as its class says.
    """
    _check(model, kind_of(model))
    dumped = model.model_dump()
    if not isinstance(dumped, dict) or refusal(dumped, encode) is None:
        return dumped
    dumped = _with_json(model, dumped, encode)  # of URLs, paths, secrets and the like
    if error := refusal(dumped, encode):
        found = stranded(dumped, encode, error)
        raise InvalidItem(f"{kind_of(model)}{found.field.removeprefix('dict')}", found.problem)
    return dumped


def _with_json(model: Any, dumped: dict[Any, Any], encode: Callable[[Any], bytes]) -> dict[Any, Any]:
    try:
        in_json = model.model_dump(mode="json")
    except Exception:  # noqa: BLE001 - what JSON cannot hold either is told as what cannot travel
        return dumped
    return {name: in_json.get(name, value) if refusal(value, encode) else value for name, value in dumped.items()}


def _check(model: Any, path: str) -> None:
    """Validate what was set, by itself and in models within. Raises `InvalidItem`."""
    values = dict(vars(model))
    for name, value in values.items():
        for step, inner in _models_in(value):
            _check(inner, f"{path}.{name}{step}")
    cls = type(model)
    if getattr(cls, "__pydantic_root_model__", False):
        return
    given = {name: value for name, value in values.items() if name in model.model_fields_set}
    try:
        cls.__pydantic_validator__.validate_python(given, strict=True, by_alias=False, by_name=True)
    except Exception as error:  # noqa: BLE001 - a validator of the user's that can run only once: it has passed before
        if is_pydantics(error):
            errors = errors_of(error)
            lasting = [each for each in errors if each["type"] not in _ONCE]
            if lasting:
                raise of_pydantic(lasting, path) from None


def _models_in(value: Any) -> Iterator[tuple[str, Any]]:
    if is_model(value):
        yield "", value
    elif isinstance(value, list | tuple):
        yield from ((f"[{n}]", one) for n, one in enumerate(value) if is_model(one))
    elif isinstance(value, dict):
        yield from ((f"[{key!r}]", one) for key, one in value.items() if is_model(one))
