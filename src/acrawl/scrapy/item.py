"""Items with declared fields. An item is a dict: it travels, and a pipeline gets it, as one of plain values."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self


class Field(dict[str, Any]):
    """What is known about a field, such as the processors of its `ItemLoader`."""


class Item(dict[str, Any]):
    """An item whose class names its fields; setting another one raises KeyError."""

    fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.fields = {
            name: field for base in reversed(cls.__bases__) for name, field in getattr(base, "fields", {}).items()
        }
        for name, field in list(vars(cls).items()):
            if isinstance(field, Field):
                cls.fields[name] = field
                delattr(cls, name)

    def __init__(self, *given: Any, **values: Any) -> None:
        super().__init__()
        self.update(*given, **values)

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a field. Raises KeyError for one that is not declared."""
        if name not in self.fields:
            raise KeyError(f"{type(self).__name__} does not support field: {name}")
        super().__setitem__(name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"Use item[{name!r}] = {value!r} to set a field's value")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        hint = f"Use item[{name!r}] to get a field's value" if name in type(self).fields else name
        raise AttributeError(hint)

    def update(self, *given: Any, **values: Any) -> None:
        """Set several fields."""
        for name, value in dict(*given, **values).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Set a field that has no value yet."""
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> Self:
        """Return a copy; the values are shared."""
        return type(self)(self)

    def deepcopy(self) -> Self:
        """Return a copy; the values are copied, too."""
        return copy.deepcopy(self)
