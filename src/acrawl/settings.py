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
from typing import Annotated, Any

import msgspec

from acrawl.errors import SettingsError

MIB = 1 << 20
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections."""


class Politeness(Section, frozen=True):
    """What a host may be asked to bear; enforced by the frontier for the whole cluster."""

    concurrency: Positive = 8
    """Requests under way at one host, over all workers."""
    delay: Seconds = 0.0
    """Seconds between two starts at one host; robots.txt may ask for more."""
    obey_robots: bool = True
    """Follow robots.txt (RFC 9309)."""
    robots_ttl: Seconds = 86400.0
    """How long a host's robots.txt is believed."""
    max_crawl_delay: Seconds = 60.0
    """The longest Crawl-delay that is honoured."""
    max_pause: Seconds = 300.0
    """The longest Retry-After that is honoured."""
    max_pauses: Positive = 10
    """After so many pauses without one success a host is given up."""
    give_up_after: Seconds = 3600.0
    """After so long without one success a paused host is given up."""
    adaptive: bool = True
    """Ask less of a host in trouble (429, 503, time-outs, growing latency), and step by step more again."""
    budget_by: Annotated[str, msgspec.Meta(pattern="^(none|domain|address|spider)$")] = "none"
    """Share a second budget over the hosts of one: domain, address (of the server), spider (its politeness_key)."""
    budget_concurrency: Positive = 16
    """Requests under way at all hosts of one such budget."""
    budget_delay: Seconds = 0.0
    """Seconds between two starts at all hosts of one such budget."""


class Fetch(Section, frozen=True):
    """How one worker fetches."""

    concurrency: Positive = 64
    """Requests under way in one worker, over all hosts."""
    user_agent: str = "acrawl/0.1 (+https://pypi.org/project/acrawl/)"
    """What is sent as User-Agent; the part before the slash is the robots.txt product token."""
    connect_timeout: Seconds = 15.0
    """Seconds to connect, TLS included."""
    idle_timeout: Seconds = 30.0
    """Seconds without a byte."""
    total_timeout: Seconds = 180.0
    """Seconds for a whole page."""
    file_timeout: Seconds = 3600.0
    """Seconds for a whole saved file."""
    max_body: Positive = 32 * MIB
    """Bytes of a page after decoding; a longer one fails as too-large."""
    max_file: Positive = 1024 * MIB
    """Bytes of a saved file."""
    max_redirects: Count = 10
    """Redirects followed from one request."""
    retries: Count = 2
    """Further tries after a connection error, a timeout or a 5xx answer."""
    retry_delay: Seconds = 1.0
    """Seconds before the first retry; doubled each time, with jitter."""
    allow_private: bool = False
    """Let requests reach private, loopback and link-local addresses that no seed names."""
    verify_tls: bool = True
    """Refuse servers whose certificate does not hold."""


class Scope(Section, frozen=True):
    """Which pages belong to the crawl."""

    within: Annotated[str, msgspec.Meta(pattern="^(host|domain|path|any)$")] = "host"
    """``host`` of a seed (www. and http/https folded), its registrable ``domain``, below its ``path``, or ``any``."""
    max_depth: Count = 0
    """Links followed from a seed."""


class Limits(Section, frozen=True):
    """When to stop early; the rest is recorded as excluded(limit)."""

    max_pages: Count = 0
    """Requests that ended as fetched."""
    max_bytes: Count = 0
    """Bytes of all bodies."""
    max_seconds: Seconds = 0.0
    """Seconds since the crawl began or was resumed."""
    max_errors: Count = 0
    """Requests that ended as failed."""
    host_pages: Count = 0
    """Requests of one host that ended as fetched; then the rest of that host is excluded(limit)."""
    host_bytes: Count = 0
    """Bytes of all bodies of one host."""
    host_errors: Count = 0
    """Requests of one host that ended as failed."""


class Frontier(Section, frozen=True):
    """The durable queue."""

    lease_seconds: Annotated[float, msgspec.Meta(ge=1)] = 30.0
    """How long a worker keeps a request without renewing it."""
    commit_seconds: Seconds = 0.05
    """The longest wait for company in a group commit."""
    commit_rows: Positive = 2000
    """Rows after which a group commit does not wait."""
    order: Annotated[str, msgspec.Meta(pattern="^(found|breadth|depth)$")] = "found"
    """Which goes first at a host: what was found first, breadth (the least depth) or depth (the greatest) first."""
    window: Positive = 256
    """Queued requests of one host kept in memory."""
    rows: Positive = 100_000
    """Queued requests of all hosts kept in memory, roughly."""
    idle_hosts: Positive = 20_000
    """Hosts without work kept in memory."""
    recent: Positive = 200_000
    """Keys of recently seen URLs kept in memory; up to twice as many."""
    max_lost: Positive = 3
    """Lost leases after which a started request is quarantined; the last of them it had a worker to itself."""
    stall_seconds: Annotated[float, msgspec.Meta(ge=1)] = 900.0
    """A started request that shows no progress for so long loses its lease."""
    durable: bool = False
    """Wait for the disk at each commit (synchronous=FULL): survives power loss, costs about 13 %."""


class Queues(Section, frozen=True):
    """The wire between master and workers."""

    poll_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=20)] = 5.0
    """How long an empty request for work is parked at the master."""
    batch: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    """Requests handed out at once."""
    reconnect_seconds: Seconds = 300.0
    """How long a worker looks for a lost master."""
    grace_seconds: Seconds = 5.0
    """How long the leases of a closed connection wait for their worker to come back."""
    max_message: Positive = 64 * MIB
    """Bytes of one message."""


class Worker(Section, frozen=True):
    """One worker process."""

    recent: Positive = 200_000
    """Links this worker already reported; not reported again."""
    report_seconds: Seconds = 0.1
    """The longest an outcome waits for company."""
    report_count: Positive = 50
    """Outcomes that are sent without waiting."""
    shutdown_seconds: Seconds = 15.0
    """How long a stopping worker lets its downloads finish."""


class Log(Section, frozen=True):
    """What is written where."""

    level: Annotated[str, msgspec.Meta(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    """The least level that is shown."""
    file: str = ""
    """A file to append to; empty for standard error."""


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


#: Scrapy's names for settings that have one here.
SCRAPY_NAMES = {
    "CONCURRENT_REQUESTS": "fetch.concurrency",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "politeness.concurrency",
    "DOWNLOAD_DELAY": "politeness.delay",
    "ROBOTSTXT_OBEY": "politeness.obey_robots",
    "USER_AGENT": "fetch.user_agent",
    "DOWNLOAD_TIMEOUT": "fetch.total_timeout",
    "DOWNLOAD_MAXSIZE": "fetch.max_body",
    "REDIRECT_MAX_TIMES": "fetch.max_redirects",
    "RETRY_TIMES": "fetch.retries",
    "DEPTH_LIMIT": "scope.max_depth",
    "AUTOTHROTTLE_ENABLED": "politeness.adaptive",
    "CLOSESPIDER_PAGECOUNT": "limits.max_pages",
    "CLOSESPIDER_TIMEOUT": "limits.max_seconds",
    "CLOSESPIDER_ERRORCOUNT": "limits.max_errors",
    "LOG_LEVEL": "log.level",
    "LOG_FILE": "log.file",
}


#: Scrapy's settings that are read from the spider by the room they belong to.
ELSEWHERE = frozenset({"ITEM_PIPELINES"})


def keys() -> dict[str, Any]:
    """Every setting as ``section.key`` with its default, in the order of this file."""
    return {
        f"{section.name}.{field.name}": field.default
        for section in msgspec.structs.fields(Settings)
        for field in msgspec.structs.fields(section.type)
    }


def documentation() -> dict[str, str]:
    """What each setting means, from the text below it in this file."""
    tree = ast.parse(inspect.getsource(sys.modules[__name__]))
    classes = {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
    found = {}
    for section in msgspec.structs.fields(Settings):
        body = classes[section.type.__name__]
        for field, text in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(field.target, ast.Name):
                found[f"{section.name}.{field.target.id}"] = str(ast.literal_eval(text.value))
    return found


def resolve(*layers: tuple[str, Mapping[str, Any]]) -> Settings:
    """Merge layers of ``(where it comes from, {"section.key": value})``; later layers win.

    Raises `SettingsError` naming the place, the key and, for an unknown key, the nearest known one.
    """
    settings = Settings()
    for origin, layer in layers:
        for name, value in layer.items():
            settings = _set(settings, _known(name, origin), value, origin)
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
        if isinstance(value, Mapping):
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
    fields = msgspec.structs.asdict(old) | {key: _typed(value)}
    try:
        new = msgspec.convert(fields, type(old), strict=False)
    except msgspec.ValidationError as error:
        reason = str(error).partition(" - at ")[0]
        raise SettingsError(f"{origin}: {name} = {value!r}: {reason}") from None
    return msgspec.structs.replace(settings, **{section: new})


def _typed(value: Any) -> Any:
    """Text from a command line or an environment in the words people use for booleans."""
    if isinstance(value, str):
        return {"yes": True, "on": True, "no": False, "off": False}.get(value.lower(), value)
    return value
