"""The crawler of a spider, as its components see it, and running spiders from a script."""

from __future__ import annotations

import asyncio
import inspect
import os
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from acrawl.errors import CloseSpider, SpiderError, UsageError
from acrawl.scrapy.exceptions import NotSupported
from acrawl.scrapy.feeds import feeds_of, with_fields
from acrawl.scrapy.settings import Settings
from acrawl.scrapy.signals import spider_closed, spider_opened
from acrawl.settings import flatten, from_environment, resolve
from acrawl.spider import Source, Spider


class Stats:
    """Counters of this process; those of the whole crawl are shown at its end."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get_value(self, key: str, default: Any = None, spider: object = None) -> Any:
        """One value."""
        return self._values.get(key, default)

    def get_stats(self, spider: object = None) -> dict[str, Any]:
        """All values."""
        return self._values

    def set_value(self, key: str, value: Any, spider: object = None) -> None:
        """Set one value."""
        self._values[key] = value

    def inc_value(self, key: str, count: int = 1, start: int = 0, spider: object = None) -> None:
        """Add to one value."""
        self._values[key] = self._values.get(key, start) + count

    def max_value(self, key: str, value: Any, spider: object = None) -> None:
        """Set one value if it grows by that."""
        self._values[key] = max(self._values.get(key, value), value)

    def min_value(self, key: str, value: Any, spider: object = None) -> None:
        """Set one value if it shrinks by that."""
        self._values[key] = min(self._values.get(key, value), value)


class Signals:
    """Connects handlers to the signals that come here; any other is refused."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Callable[..., Any]]] = {spider_opened: [], spider_closed: []}

    def connect(self, receiver: Callable[..., Any], signal: object, **_: Any) -> None:
        """Call ``receiver`` when the signal comes. Raises `NotSupported` for one that never does."""
        if signal not in self._handlers:
            raise NotSupported(f"the signal {signal}", "spider_opened and spider_closed come, and nothing else")
        self._handlers[str(signal)].append(receiver)

    def disconnect(self, receiver: Callable[..., Any], signal: object, **_: Any) -> None:
        """Call it no more."""
        self._handlers[str(signal)].remove(receiver)

    def send(self, signal: str, **given: Any) -> None:
        """Call the receivers of a signal with those of the arguments that they take."""
        for receiver in self._handlers[signal]:
            parameters = inspect.signature(receiver).parameters
            takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
            receiver(**{name: value for name, value in given.items() if takes_all or name in parameters})


class Engine:
    """What spiders ask of Scrapy's engine."""

    def close_spider(self, spider: object, reason: str = "cancelled") -> NoReturn:
        """End the crawl, and the callback that calls it."""
        raise CloseSpider(reason)


class Crawler:
    """The crawl as a spider's components see it in their process."""

    def __init__(self, spidercls: type[Spider], settings: Settings | None = None) -> None:
        self.spidercls = spidercls
        self.settings = Settings() if settings is None else settings
        self.stats = Stats()
        self.signals = Signals()
        self.engine = Engine()
        self.spider: Spider | None = None


class CrawlerProcess:
    """Runs spiders from a script, one after the other.

    ``process.crawl(MySpider, name="value")``, then ``process.start()``, which returns when all have ended. Each crawl
    begins anew, unless ``JOBDIR`` says where its state is kept. Workers load the spider from its file: what the script
    does there besides must stand below ``if __name__ == "__main__":`` or be this. What is wrong
    with the settings is told in one line, and ends the script.
    """

    #: Whether a script is being run for the sake of its spiders.
    _starting = False

    def __init__(self, settings: Mapping[str, Any] | None = None, install_root_handler: bool = True) -> None:
        self.exit_codes: list[int] = []
        self._settings = dict(settings or {})
        self._crawls: list[tuple[type[Spider], dict[str, str]]] = []

    def crawl(self, crawler_or_spidercls: Any, *args: Any, **kwargs: Any) -> None:
        """Note a spider to run, with its arguments, which are texts."""
        wrong = [*args, *(value for value in kwargs.values() if not isinstance(value, str))]
        if wrong:
            raise NotSupported(f"the spider's argument {wrong[0]!r}", "give texts by name: they go to other processes")
        if isinstance(crawler_or_spidercls, str):
            raise NotSupported(f"process.crawl({crawler_or_spidercls!r})", "give the spider's class")
        cls = crawler_or_spidercls.spidercls if isinstance(crawler_or_spidercls, Crawler) else crawler_or_spidercls
        self._crawls.append((cls, kwargs))

    def create_crawler(self, spidercls: type[Spider]) -> Crawler:
        """Return what `crawl` takes as well."""
        return Crawler(spidercls)

    def start(self, stop_after_crawl: bool = True, install_signal_handlers: bool = True) -> None:
        """Run what was noted. Nothing is done where the script is only loaded, by a worker or by this."""
        if CrawlerProcess._starting or "ACRAWL_PARENT" in os.environ:
            return
        CrawlerProcess._starting = True
        try:
            for cls, arguments in self._crawls:
                self.exit_codes.append(_run(cls, arguments, self._settings))
        except UsageError as error:  # as the command tells it: nothing has begun
            sys.stderr.write(f"acrawl: {error}\n")
            raise SystemExit(error.exit_code) from None
        finally:
            CrawlerProcess._starting = False


#: Scrapy's has another loop; here there is one.
AsyncCrawlerProcess = CrawlerProcess


class CrawlerRunner:
    """Not here: there is no reactor to run in."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        raise NotSupported("CrawlerRunner", "use CrawlerProcess, or `acrawl run`")


def _run(cls: type[Spider], arguments: dict[str, str], settings: dict[str, Any]) -> int:
    from acrawl.logs import configure
    from acrawl.master.master import Master
    from acrawl.master.plan import Plan
    from acrawl.monitor.progress import Progress

    spec = _spec(cls)
    source = Source(spec)
    custom = {**settings, **(source.cls.custom_settings or {})}
    job = custom.pop("JOBDIR", None)
    source.cls.custom_settings = custom
    given = ("custom_settings", flatten(source.cls.own_settings(), "custom_settings"))
    resolved = resolve(given, ("environment", from_environment(os.environ)))
    name = source.cls.name or source.cls.__name__.lower()
    feeds = feeds_of(custom)
    plan = Plan(
        source=source,
        spec=spec,
        arguments=arguments,
        settings=with_fields(resolved, custom, feeds),
        job=pathlib.Path(job or f".acrawl/{name}"),
        workers=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        feeds=feeds,
        resume=bool(job),
        fresh=not job,
    )
    with Progress() as progress:
        configure(resolved.log, quiet=progress.live)
        return asyncio.run(Master(plan, progress).run())


def _spec(cls: type[Spider]) -> str:
    """Say how another process loads the class. Raises `SpiderError`."""
    main = sys.modules["__main__"]
    if cls.__module__ != "__main__":
        folders = [str(pathlib.Path(folder).resolve()) for folder in sys.path]
        os.environ["PYTHONPATH"] = os.pathsep.join(folders)
        return f"{cls.__module__}:{cls.__name__}"
    path = getattr(main, "__file__", None)
    if path is None:
        raise SpiderError(f"{cls.__name__}: write the spider into a file: its workers load it from there")
    return f"{path}:{cls.__name__}"
