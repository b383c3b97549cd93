"""Spiders: what the user writes, and how one is found."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import logging
import pathlib
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar, Self

from acrawl.errors import SpiderError
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings

_OF_SCRAPY = "it is written for Scrapy, and runs here after its import lines are changed (docs/from-scrapy.md)"


class Spider:
    """Base of all spiders: subclass it, name it, say where to start and what to do with a response.

    One instance lives in each process and they share nothing: `start` and `closed` run on the master, callbacks on the
    workers. Callbacks are generators, async generators, coroutines or plain functions; they give requests and items
    (dicts, dataclasses, ``attrs`` classes, models of pydantic, ``msgspec`` Structs). Arguments given with
    ``-a name=value`` become attributes.
    """

    name: str = ""
    start_urls: list[str] | tuple[str, ...] = ()
    allowed_domains: list[str] | tuple[str, ...] = ()
    custom_settings: ClassVar[Mapping[str, Any]] = {}
    handle_httpstatus_list: list[int] | tuple[int, ...] = ()
    """Statuses of 400 and above that callbacks want to see; others end as failed."""
    stages: list[Any] | tuple[Any, ...] = ()
    """Stages of the spider's own (see `acrawl.fetch.base.Stage`), or their names as ``module:Class``."""
    pipelines: list[Any] | tuple[Any, ...] = ()
    """Classes that items pass on their way to the feeds, in this order, or their names as ``module.Class``."""
    http_user: str = ""
    """A user that hosts of ``http_auth_domain`` may know, and his password; the setting ``auth.hosts`` can do more."""
    http_pass: str = ""
    http_auth_domain: str = ""
    settings: Settings

    def __init__(self, **arguments: str) -> None:
        for name, value in arguments.items():
            setattr(self, name, value)

    @property
    def logger(self) -> logging.Logger:
        """The logger of this spider."""
        return logging.getLogger(f"acrawl.spider.{self.name}")

    async def start(self) -> AsyncIterator[Request]:
        """Yield the first requests. Runs on the master, at the pace of the crawl.

        It must yield the same requests in the same order each time it runs: a resumed crawl goes on where it was.
        """
        for url in self.start_urls:
            yield Request(url)

    def parse(self, response: Response) -> Any:
        """Handle a response whose request names no callback."""
        raise NotImplementedError(f"{type(self).__name__} has no parse() and the request to {response.url} no callback")

    def prepare(self, response: Response) -> None:
        """Read ahead in a large page (more than 256 KiB of HTML), in a thread beside the loop, before its callback.

        Without it the page is parsed, and no more. What is asked of ``response`` here (`Response.links`, `images`,
        `resources`) is kept for the callback, which waits for it; the loop goes on meanwhile.
        """
        _ = response.document.root

    @classmethod
    def made(cls, arguments: Mapping[str, str], settings: Settings) -> Self:
        """Make the spider of this process: called once in each, with the arguments of ``-a name=value``."""
        spider = cls(**arguments)
        spider.settings = settings
        spider.name = spider.name or cls.__name__.lower()
        return spider

    @classmethod
    def own_settings(cls) -> Mapping[str, Any]:
        """The settings that come with the spider: its ``custom_settings``."""
        return cls.custom_settings

    def find_callback(self, name: str | None) -> Callable[..., Any]:
        """Return what a request's ``callback`` or ``errback`` names: the method, and ``parse`` without a name.

        Raises `SpiderError` when there is none.
        """
        method = getattr(self, name or "parse", None)
        if not callable(method):
            raise SpiderError(f"{type(self).__name__} has no method {name!r} to call back")
        return method  # type: ignore[no-any-return]

    def politeness_key(self, host: str) -> str:
        """Return what this host (``https://a.example``) shares its second budget by; empty for none.

        Called on the master, once for each host, where ``politeness.budget_by`` is ``spider``.
        """
        return ""

    def closed(self, reason: str) -> None:
        """Called on the master when the crawl has ended; ``reason`` is ``finished``, a limit's name or ``stopped``."""


def login_of(spider: Spider) -> tuple[str, str, str]:
    """User, password, and the domain whose hosts may have them, as `acrawl.fetch.Fetcher` takes them."""
    return spider.http_user, spider.http_pass, spider.http_auth_domain


class Source:
    """Where a spider's class comes from: enough to load the same one in another process, and to tell if it differs.

    ``spec`` is ``file.py``, ``file.py:Class``, ``package.module`` or ``package.module:Class``.
    """

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.cls = _load(spec)

    @property
    def identity(self) -> str:
        """The spider's class, the same on every machine wherever its file lies."""
        return self.cls.__qualname__

    @property
    def sha256(self) -> str:
        """The SHA-256 of the source file, in hexadecimal: master and workers compare it."""
        try:
            path = inspect.getsourcefile(self.cls)
        except TypeError:
            path = None
        return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() if path else ""

    def make(self, arguments: Mapping[str, str], settings: Settings) -> Spider:
        """Make the spider. Raises `SpiderError` when its constructor refuses the arguments."""
        try:
            return self.cls.made(arguments, settings)
        except SpiderError:
            raise
        except Exception as error:  # whatever a user's constructor raises: nothing has begun, nothing is lost
            raise SpiderError(f"{self.spec}: {self.cls.__name__}({_as_call(arguments)}) failed: {error}") from error


def _as_call(arguments: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def load_spider(spec: str) -> type[Spider]:
    """Load a spider class by ``file.py[:Class]`` or ``module[:Class]``. Raises `SpiderError`."""
    return _load(spec)


def spiders_in(place: str) -> dict[str, type[Spider]]:
    """The spider classes that a file or a module defines, by name. Raises `SpiderError`."""
    module = _module(place)
    return {cls.__name__: cls for cls in vars(module).values() if _is_own_spider(cls, module.__name__)}


def _load(spec: str) -> type[Spider]:
    place, _, name = spec.partition(":")
    classes = spiders_in(place)
    if name:
        if name not in classes:
            raise SpiderError(f"{spec}: there is no Spider subclass {name!r}; found: {_listed(classes)}")
        return classes[name]
    if not classes and "scrapy" in sys.modules:
        raise SpiderError(f"{spec}: {_OF_SCRAPY}")
    if len(classes) != 1:
        found = _listed(classes)
        raise SpiderError(f"{spec}: expected one Spider subclass, found {found}; name one as {place}:Class")
    return next(iter(classes.values()))


def _module(place: str) -> Any:
    try:
        return _from_file(pathlib.Path(place)) if place.endswith(".py") else _from_here(place)
    except SyntaxError as error:
        raise SpiderError(f"{error.filename}:{error.lineno}: {error.msg}") from None
    except ModuleNotFoundError as error:
        raise SpiderError(f"{_line_of_the_user(error) or place}: {_missing(place, error.name or '')}") from None
    except Exception as error:  # the user's module level code: nothing has begun, nothing is lost
        where = _line_of_the_user(error)
        if isinstance(error, SpiderError) and not where:
            raise
        raise SpiderError(f"{where or place}: importing it failed: {type(error).__name__}: {error}") from error


def _line_of_the_user(error: Exception) -> str:
    """``file:line`` of the innermost code that is not acrawl's and not the import machinery's; may be empty."""
    others = {pathlib.Path(__file__).parent, pathlib.Path(importlib.__file__).parent}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith("<") and others.isdisjoint(pathlib.Path(frame.filename).parents):
            return f"{frame.filename}:{frame.lineno}"
    return ""


def _missing(place: str, name: str) -> str:
    if name.partition(".")[0] == "scrapy":
        return _OF_SCRAPY
    if name.startswith("acrawl."):
        return f"there is no {name!r}; docs/from-scrapy.md says what is in the place of Scrapy's modules"
    if f"{place}.".startswith(f"{name}."):
        return f"no module named {name!r}; give a file.py or an importable module"
    return f"it imports {name!r}, which is not installed, or not where python looks for it"


def _listed(classes: Mapping[str, Any]) -> str:
    return ", ".join(sorted(classes)) or "none"


def _is_own_spider(cls: Any, module: str) -> bool:
    return inspect.isclass(cls) and issubclass(cls, Spider) and cls is not Spider and cls.__module__ == module


def _from_here(name: str) -> Any:
    """A module, looked for in this folder, too: ``python -m`` does so by itself, the command ``acrawl`` does not."""
    here = str(pathlib.Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module(name)


def _from_file(path: pathlib.Path) -> Any:
    if not path.is_file():
        raise SpiderError(f"{path}: no such spider file")
    name = f"acrawl_spider_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SpiderError(f"{path}: cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
