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
    shown,
    stranded,
)

#: Errors of what can run only once: functions of the user's, and types that hold something else than they take.
_ONCE = frozenset({"value_error", "assertion_error", "json_type", "json_invalid", "base64_decode"})
#: Types that hold no models.
_SIMPLE = frozenset({str, int, float, bool, type(None), bytes})


def dumped(model: Any) -> Any:
    """The ``model_dump`` of a model. Raises `InvalidItem` when what was set since it was made is not as annotated."""
    _check(model, kind_of(model))
    try:
        return model.model_dump()
    except Exception as error:  # noqa: BLE001 - serializers of the user's raise what they like: the item is refused
        raise InvalidItem(kind_of(model), f"model_dump failed: {type(error).__name__}: {error}") from None


def mended(model: Any, dumped: Any, encode: Callable[[Any], bytes], error: Exception) -> Any:
    """What travels of a model whose ``dumped`` values cannot: of URLs, paths, secrets and the like what JSON has.

    ``error`` is why. Raises `InvalidItem` where that does not help.
    """
    if isinstance(dumped, dict):
        dumped = _with_json(model, dumped, encode)
        left = refusal(dumped, encode)
        if left is None:
            return dumped
        error = left
    found = stranded(dumped, encode, error)
    raise InvalidItem(f"{kind_of(model)}{found.field.removeprefix(kind_of(dumped))}", found.problem)


def _with_json(model: Any, dumped: dict[Any, Any], encode: Callable[[Any], bytes]) -> dict[Any, Any]:
    try:
        in_json = model.model_dump(mode="json")
    except Exception:  # noqa: BLE001 - what JSON cannot hold either is told as what cannot travel
        return dumped
    return {name: in_json.get(name, value) if refusal(value, encode) else value for name, value in dumped.items()}


def _check(model: Any, path: str) -> None:
    """Validate what was set, by itself and in models within. Raises `InvalidItem`."""
    values = vars(model)
    for name, value in values.items():
        if type(value) not in _SIMPLE:
            for step, inner in _models_in(value):
                _check(inner, f"{path}.{name}{step}")
    cls = type(model)
    if getattr(cls, "__pydantic_root_model__", False):
        return
    was_set = model.model_fields_set
    given = {name: value for name, value in values.items() if name in was_set}
    try:
        cls.__pydantic_validator__.validate_python(given, strict=True, by_alias=False, by_name=True)
    except Exception as error:  # noqa: BLE001 - a validator of the user's that can run only once: it has passed before
        if is_pydantics(error):
            errors = errors_of(error)
            lasting = [each for each in errors if each["type"] not in _ONCE]
            if lasting:
                raise of_pydantic(lasting, path) from None


def _models_in(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list | tuple):
        yield from ((f"[{n}]", one) for n, one in enumerate(value) if type(one) not in _SIMPLE and is_model(one))
    elif isinstance(value, dict):
        yield from ((f"[{shown(k)}]", one) for k, one in value.items() if type(one) not in _SIMPLE and is_model(one))
    elif is_model(value):
        yield "", value
