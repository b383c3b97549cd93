"""Which pipelines a spider has, in what order, and on which side of the journey each of them runs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from acrawl.errors import AcrawlError, SpiderError

#: The values of a pipeline's ``where``.
MASTER, WORKER = "master", "worker"


class Lineup(NamedTuple):
    """The classes of a spider's pipelines: those of the workers come first."""

    worker: list[type]
    master: list[type]


def lineup(spider: Any) -> Lineup:
    """The pipelines of a spider. Raises `SpiderError` for what is none, and for one that comes too late."""
    found = Lineup([], [])
    for cls in loaded(listed(spider)):
        where = getattr(cls, "where", MASTER)
        if where == WORKER and found.master:
            before = found.master[-1].__name__
            raise SpiderError(
                f"pipeline {cls.__name__} runs on the worker and stands behind {before}, which runs on the master: "
                f"items pass the worker first, so list {cls.__name__} before {before}, or let both run on one side"
            )
        if where not in {MASTER, WORKER}:
            raise SpiderError(f'pipeline {cls.__name__}: where = {where!r}; it is "master" or "worker"')
        (found.worker if where == WORKER else found.master).append(cls)
    return found


def listed(spider: Any) -> list[Any]:
    """The spider's ``pipelines``, or those of Scrapy's ``ITEM_PIPELINES`` in their order: classes or names of some."""
    given = getattr(spider, "pipelines", None) or spider.custom_settings.get("ITEM_PIPELINES") or ()
    if isinstance(given, Mapping):
        orders = {place: order for place, order in given.items() if order is not None}
        return sorted(orders, key=lambda place: orders[place])
    if isinstance(given, type | str) or not hasattr(given, "__iter__"):
        name = given.__name__ if isinstance(given, type) else repr(given)
        raise SpiderError(f"pipelines = {name}: it is a list, so write pipelines = [{name}]")
    return list(given)


def loaded(places: list[Any]) -> list[type]:
    """The classes that are listed. Raises `SpiderError` for anything that is no pipeline."""
    return [_checked(place, _loaded(place)) for place in places]


def _checked(place: Any, cls: Any) -> type:
    if not isinstance(cls, type):
        what = f"is an instance; list the class {type(cls).__name__}, and acrawl makes one in each process"
        if isinstance(place, str) or not hasattr(cls, "process_item"):
            what = f"is no class but {type(cls).__name__}; list a class, or its name as module.Class"
        raise SpiderError(f"pipeline {place!r} {what}")
    process = getattr(cls, "process_item", None)
    if not callable(process):
        what = "has no process_item(item, spider)" if process is None else f"process_item is {process!r}, no method"
        raise SpiderError(f"pipeline {cls.__name__}: {what}")
    if inspect.isgeneratorfunction(process) or inspect.isasyncgenfunction(process):
        raise SpiderError(f"pipeline {cls.__name__}: process_item has a yield in it; let it return the item")
    return cls


def _loaded(place: Any) -> Any:
    if not isinstance(place, str):
        return place
    module, _, name = place.rpartition(".")
    if not module:
        raise SpiderError(f"pipeline {place!r}: write its module, too, as in module.{place}, or list the class itself")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SpiderError(f"pipeline {place!r} cannot be loaded: {error}") from None
    except AcrawlError:
        raise
    except Exception as error:  # the user's module level code: nothing has begun, nothing is lost
        raise SpiderError(f"pipeline {place!r}: importing it failed: {error}") from error
