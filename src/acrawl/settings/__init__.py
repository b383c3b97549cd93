"""Settings: one frozen section per room, read from many places, wrong names refused with the nearest right one.

Later places win: defaults, a TOML file, the spider's ``custom_settings``, ``ACRAWL_SECTION_KEY`` in the environment,
``-s section.key=value``. Sizes are bytes, times are seconds, zero means "no limit" where a limit is meant.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import itertools
import os
import pathlib
import sys
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from acrawl.errors import SettingsError
from acrawl.settings.base import Section
from acrawl.settings.fetching import Auth, Cache, Cookies, Dns, Fetch, Proxy, Retry, Tls, retried_statuses
from acrawl.settings.masks import masked
from acrawl.settings.results import Cloud, Feeds, Files, Images, Recrawl, Warc
from acrawl.settings.sections import Frontier, Limits, Log, Parse, Politeness, Queues, Scope, Traps, Urls, Worker

__all__ = [
    "Auth",
    "Cache",
    "Cloud",
    "Cookies",
    "Dns",
    "Feeds",
    "Fetch",
    "Files",
    "Frontier",
    "Images",
    "Limits",
    "Log",
    "Parse",
    "Politeness",
    "Proxy",
    "Queues",
    "Recrawl",
    "Retry",
    "Scope",
    "Section",
    "Settings",
    "Tls",
    "Traps",
    "Urls",
    "Warc",
    "Worker",
]


class Settings(Section, frozen=True):
    """All sections."""

    politeness: Politeness = Politeness()
    fetch: Fetch = Fetch()
    scope: Scope = Scope()
    limits: Limits = Limits()
    frontier: Frontier = Frontier()
    queues: Queues = Queues()
    worker: Worker = Worker()
    log: Log = Log()
    files: Files = Files()
    cache: Cache = Cache()
    auth: Auth = Auth()
    proxy: Proxy = Proxy()
    tls: Tls = Tls()
    dns: Dns = Dns()
    cookies: Cookies = Cookies()
    retry: Retry = Retry()
    urls: Urls = Urls()
    parse: Parse = Parse()
    traps: Traps = Traps()
    feeds: Feeds = Feeds()
    warc: Warc = Warc()
    cloud: Cloud = Cloud()
    recrawl: Recrawl = Recrawl()
    images: Images = Images()


#: Scrapy's names for settings that have one here.
SCRAPY_NAMES = {
    "CONCURRENT_REQUESTS": "fetch.concurrency",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "politeness.concurrency",
    "DOWNLOAD_DELAY": "politeness.delay",
    "ROBOTSTXT_OBEY": "politeness.obey_robots",
    "USER_AGENT": "fetch.user_agent",
    "DOWNLOAD_TIMEOUT": "fetch.total_timeout",
    "DOWNLOAD_MAXSIZE": "fetch.max_body",
    "URLLENGTH_LIMIT": "fetch.max_url",
    "REDIRECT_MAX_TIMES": "fetch.max_redirects",
    "RETRY_ENABLED": "retry.enabled",
    "RETRY_TIMES": "retry.times",
    "RETRY_HTTP_CODES": "retry.table",
    "DEPTH_LIMIT": "scope.max_depth",
    "AUTOTHROTTLE_ENABLED": "politeness.adaptive",
    "HTTPPROXY_ENABLED": "proxy.from_environment",
    "CLOSESPIDER_PAGECOUNT": "limits.max_pages",
    "CLOSESPIDER_TIMEOUT": "limits.max_seconds",
    "CLOSESPIDER_ERRORCOUNT": "limits.max_errors",
    "COOKIES_ENABLED": "cookies.enabled",
    "LOG_LEVEL": "log.level",
    "LOG_FILE": "log.file",
    "HTTPCACHE_ENABLED": "cache.mode",
    "HTTPCACHE_DIR": "cache.folder",
    "HTTPCACHE_EXPIRATION_SECS": "cache.max_age",
    "HTTPCACHE_IGNORE_HTTP_CODES": "cache.ignore_statuses",
    "HTTPCACHE_IGNORE_SCHEMES": "cache.ignore_schemes",
    "FEED_EXPORT_FIELDS": "feeds.fields",
    "FEED_EXPORT_BATCH_ITEM_COUNT": "feeds.batch_items",
    "IMAGES_MIN_WIDTH": "images.min_width",
    "IMAGES_MIN_HEIGHT": "images.min_height",
    "IMAGES_THUMBS": "images.thumbs",
}
#: What some of their values are called here. Scrapy's cache keeps whatever comes, unless it is told otherwise.
SCRAPY_VALUES = {"HTTPCACHE_ENABLED": {"true": "keep", "1": "keep", "false": "off", "0": "off"}}


#: Scrapy's settings that are read from the spider by the room they belong to.
ELSEWHERE = frozenset({"ITEM_PIPELINES", "FEEDS"})


def keys() -> dict[str, Any]:
    """Every setting as ``section.key`` with its default, in the order of this file."""
    return {
        f"{section}.{name}": default
        for section, values in msgspec.structs.asdict(Settings()).items()
        for name, default in msgspec.structs.asdict(values).items()
    }


def documentation() -> dict[str, str]:
    """What each setting means, from the text below it."""
    modules = {section.type.__module__ for section in msgspec.structs.fields(Settings)}
    trees = [ast.parse(inspect.getsource(sys.modules[name])) for name in modules]
    classes = {node.name: node.body for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    found = {}
    for section in msgspec.structs.fields(Settings):
        body = classes[section.type.__name__]
        for field, text in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(field.target, ast.Name):
                found[f"{section.name}.{field.target.id}"] = str(ast.literal_eval(text.value))
    return found


def resolve(*layers: tuple[str, Mapping[str, Any]]) -> Settings:
    """Merge layers of ``(where it comes from, {"section.key": value})``; later layers win, in tables row by row.

    Raises `SettingsError` naming the place, the key and, for an unknown key, the nearest known one.
    """
    settings = Settings()
    for origin, layer in layers:
        for name, value in layer.items():
            settings = _set(settings, _known(name, origin), _said_here(name, value), origin)
    return settings


def from_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file of ``[section]`` tables into ``{"section.key": value}``."""
    file = pathlib.Path(path)
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{file}: no such settings file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read as TOML: {error}") from None
    return flatten(document, str(file))


def flatten(document: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Turn ``{"section": {"key": value}}``, ``{"section.key": value}`` or Scrapy's names into dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if name in ELSEWHERE:
            continue
        if isinstance(value, Mapping) and "." not in name and name not in SCRAPY_NAMES:
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        elif "." in name or name in SCRAPY_NAMES:
            flat[name] = value
        else:
            raise SettingsError(f"{origin}: {name!r} is neither a [section] nor section.key{_hint(name)}")
    return flat


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read ``ACRAWL_SECTION_KEY`` variables; other ``ACRAWL_`` names are not ours to judge."""
    names = {f"ACRAWL_{key.replace('.', '_').upper()}": key for key in keys()}
    return {names[name]: value for name, value in environ.items() if name in names}


def from_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``section.key=value`` strings, as given to ``-s``."""
    layer = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"-s {pair}: write -s section.key=value")
        layer[name.strip()] = value.strip()
    return layer


def _said_here(name: str, value: Any) -> Any:
    """A value of a setting of Scrapy's as the setting here has it; most are the same."""
    codes = _typed(value, ()) if name == "RETRY_HTTP_CODES" else None
    if isinstance(codes, list | tuple):
        return retried_statuses(codes)
    if name == "IMAGES_THUMBS" and isinstance(value, Mapping):
        return {
            key: "x".join(map(str, size)) if isinstance(size, list | tuple) else size for key, size in value.items()
        }
    return SCRAPY_VALUES.get(name, {}).get(str(value).lower(), value)


def _known(name: str, origin: str) -> str:
    name = SCRAPY_NAMES.get(name, name)
    if name not in keys():
        raise SettingsError(f"{origin}: there is no setting {name!r}{_hint(name)}")
    return name


def _hint(name: str) -> str:
    names = keys()
    near = difflib.get_close_matches(name, names, 1, 0.5) or [key for key in names if key.endswith(f".{name}")]
    return f"; did you mean {near[0]!r}?" if near else "; `acrawl settings` lists them all"


def _set(settings: Settings, name: str, value: Any, origin: str) -> Settings:
    section, _, key = name.partition(".")
    if str(value).lower().strip("+-") in {"inf", "infinity", "nan"}:
        raise SettingsError(
            f"{origin}: {name} = {value!r}: a finite number is needed; 0 means no limit where one is meant"
        )
    old = getattr(settings, section)
    before, given = getattr(old, key), _typed(value, getattr(old, key))
    if isinstance(before, dict) and isinstance(given, Mapping):
        given = before | dict(given)
    fields = msgspec.structs.asdict(old) | {key: given}
    try:
        new = msgspec.convert(fields, type(old), strict=False)
    except msgspec.ValidationError as error:
        reason = _in_words(str(error).partition(" - at ")[0], type(old), key)
        raise SettingsError(f"{origin}: {name} = {masked(name, value)!r}: {reason}") from None
    return msgspec.structs.replace(settings, **{section: new})


def _in_words(reason: str, section: type[Section], key: str) -> str:
    """Say what is wanted as people write it here: the words there are; tables and lists by these names."""
    info = msgspec.inspect.type_info(section)
    assert isinstance(info, msgspec.inspect.StructType)
    kind = next(field.type for field in info.fields if field.name == key)
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    words = [str(word) for kind in kinds if isinstance(kind, msgspec.inspect.LiteralType) for word in kind.values]
    if words:
        words = ["on", "off"] * (len(kinds) > 1) + words
        return f"write {', '.join(words[:-1])} or {words[-1]}"
    return reason.replace("`object`", 'a table, as in {"name" = value}').replace("`array`", "a list")


def _typed(value: Any, example: Any) -> Any:
    """Text from a command line or an environment: booleans as people say them; lists and tables as TOML has them.

    A list may also be written with nothing but commas between its parts; a single part is a list of one.
    """
    if not isinstance(value, str):
        return value
    if isinstance(example, list | tuple | dict):
        try:
            read = tomllib.loads(f"value = {value}")["value"]
            return read if isinstance(example, dict) or isinstance(read, list) else [read]
        except tomllib.TOMLDecodeError:
            return value if isinstance(example, dict) else [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(example, bool) or example == "auto":
        words = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
        return words.get(value.lower(), value)
    return value
