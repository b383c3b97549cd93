"""Scrapy's settings: what each is called here, which have no meaning here, and how a spider reads them.

Names of Scrapy's are in one of these places: `acrawl.settings.SCRAPY_NAMES` (another name for a setting here),
`_TURNED` (turned into settings here), `_MISSED` (a warning says what to do), and in `acrawl.scrapy.spiders.base` what
belongs to requests. The others (``docs/from-scrapy.md`` lists them) are about parts that are not here, or built
differently, and nothing is lost with them. Further names are the user's own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Any

import msgspec

import acrawl.settings as core
from acrawl.settings import ELSEWHERE, SCRAPY_NAMES

log = logging.getLogger(__name__)

PAGE = "docs/from-scrapy.md"


def _robots(value: Any) -> dict[str, Any]:
    obey = _as_bool(value)
    return {"politeness.obey_robots": obey} | ({} if obey else {"politeness.obey_robots_tags": []})


def _order(value: Any) -> dict[str, Any]:
    return {"frontier.order": "breadth" if int(value) > 0 else "depth" if int(value) < 0 else "found"}


def _level(value: Any) -> dict[str, Any]:
    names = {50: "ERROR", 40: "ERROR", 30: "WARNING", 20: "INFO", 10: "DEBUG"}
    name = names.get(value, str(value).upper())
    return {"log.level": {"CRITICAL": "ERROR", "WARN": "WARNING"}.get(name, name)}


def _by_address(value: Any) -> dict[str, Any]:
    many = int(value)
    return {"politeness.budget_by": "address", "politeness.budget_concurrency": many} if many else {}


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        log.warning("custom_settings: FEED_EXPORT_FIELDS: fields are chosen, but keep their names (%s)", PAGE)
    return {"feeds.fields": list(value)} if value else {}


_TURNED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "CONCURRENT_REQUESTS_PER_IP": _by_address,
    "DEPTH_PRIORITY": _order,
    "DNSCACHE_ENABLED": lambda value: {} if _as_bool(value) else {"dns.ttl": 0},
    "DOWNLOAD_MAXSIZE": lambda value: {"fetch.max_body": int(value)} if int(value) else {},
    "DOWNLOAD_VERIFY_CERTIFICATES": lambda value: {"tls.verify": _as_bool(value)},
    "DOWNLOAD_TLS_MIN_VERSION": lambda value: {"tls.minimum": str(value).removeprefix("TLSv")} if value else {},
    "FEED_EXPORT_FIELDS": _fields,
    "LOG_ENABLED": lambda value: {} if _as_bool(value) else {"log.level": "ERROR"},
    "LOG_FILE": lambda value: {"log.file": value} if value else {},
    "LOG_LEVEL": _level,
    "ROBOTSTXT_OBEY": _robots,
}
#: What is lost without each, and what to do.
_MISSED = {
    "CLOSESPIDER_ITEMCOUNT": "count in the spider, and raise CloseSpider",
    "CLOSESPIDER_PAGECOUNT_NO_ITEM": "raise CloseSpider in the spider",
    "CLOSESPIDER_TIMEOUT_NO_ITEM": "raise CloseSpider in the spider",
    "CRAWLSPIDER_FOLLOW_LINKS": "give follow=False to the rules",
    "DOWNLOADER_MIDDLEWARES": "write a stage (docs/stages.md)",
    "DOWNLOAD_BIND_ADDRESS": "there is no such choice",
    "DOWNLOAD_HANDLERS": "write a stage (docs/stages.md)",
    "DOWNLOAD_SLOTS": "politeness.delay and concurrency hold for every host",
    "DUPEFILTER_CLASS": "one filter holds for the whole crawl; dont_filter passes it",
    "EXTENSIONS": "there are no extensions",
    "FEED_FORMAT": "items are written as -o PATH:FORMAT of the command says",
    "FEED_URI": "items go where -o PATH of the command says",
    "FILES_STORE": "files go where --files DIR of the command says",
    "HTTPAUTH_DOMAIN": "set http_auth_domain in the spider, or auth.hosts",
    "HTTPAUTH_PASS": "set http_pass in the spider, or auth.hosts",
    "HTTPAUTH_USER": "set http_user in the spider, or auth.hosts",
    "IMAGES_STORE": "files go where --files DIR of the command says",
    "JOBDIR": "the state is where --job DIR of the command says; every crawl can be resumed",
    "METAREFRESH_ENABLED": "a meta refresh is a link, in response.links(), and not a redirect",
    "REFERER_ENABLED": "give each request a header Referer of your own",
    "REFERRER_POLICY": "strict-origin-when-cross-origin holds for all",
    "REQUEST_FINGERPRINTER_CLASS": "one filter holds for the whole crawl; dont_filter passes it",
    "ROBOTSTXT_USER_AGENT": "the name in robots.txt is the first word of fetch.user_agent",
    "SCHEDULER": "acrawl's own frontier is durable and shared by all workers",
    "SPIDER_MIDDLEWARES": "override what the spider's callbacks give in the spider",
}


def turned(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spider's ``custom_settings`` as settings here; a warning names each that has no effect.

    Where Scrapy has other defaults they are Scrapy's: any host may be visited unless ``allowed_domains`` says which,
    and cookies are kept. robots.txt is followed unless ``ROBOTSTXT_OBEY`` says not to.
    """
    found: dict[str, Any] = {"scope.within": "any", "cookies.enabled": True}
    for name, value in custom.items():
        if name in _TURNED:
            found |= _TURNED[name](value)
        elif name in SCRAPY_NAMES or name in ELSEWHERE or not name.isupper():
            found[name] = value
        elif name in _MISSED and value is not None and not (isinstance(value, Sized) and not value):
            log.warning("%s has no effect here: %s (%s)", name, _MISSED[name], PAGE)
    return found


class Settings(core.Settings, frozen=True):
    """The settings of the crawl, to be read by Scrapy's names as well; ``own`` are the spider's ``custom_settings``."""

    own: dict[str, Any] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, settings: core.Settings, own: Mapping[str, Any]) -> Settings:
        """Add the spider's own to the settings of the crawl."""
        return cls(*msgspec.structs.astuple(settings), dict(own))  # type: ignore[call-arg]

    def get(self, name: str, default: Any = None) -> Any:
        """A setting by Scrapy's name or the spider's own; ``default`` for an unknown one."""
        if name in self.own and name not in SCRAPY_NAMES:
            return self.own[name]
        place = SCRAPY_NAMES.get(name, name)
        section, _, key = place.partition(".")
        value = getattr(getattr(self, section, None), key, None) if key else None
        if name in self.own and name in {"HTTPCACHE_ENABLED", "RETRY_HTTP_CODES"}:  # said differently here
            return self.own[name]
        return default if value is None else value

    def __getitem__(self, name: str) -> Any:
        """See `get`; None for an unknown one."""
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        """Whether there is such a setting."""
        return self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """The names by which there is something."""
        return iter({**dict.fromkeys(SCRAPY_NAMES), **self.own})

    def getbool(self, name: str, default: bool = False) -> bool:
        """A setting as a truth value."""
        return _as_bool(self.get(name, default))

    def getint(self, name: str, default: int = 0) -> int:
        """A setting as a whole number."""
        return int(self.get(name, default))

    def getfloat(self, name: str, default: float = 0.0) -> float:
        """A setting as a number."""
        return float(self.get(name, default))

    def getlist(self, name: str, default: Any = None) -> list[Any]:
        """A setting as a list; text is cut at its commas."""
        value = self.get(name, default or [])
        return value.split(",") if isinstance(value, str) else list(value)

    def getdict(self, name: str, default: Any = None) -> dict[str, Any]:
        """A setting as a dict; text is JSON."""
        value = self.get(name, default or {})
        return dict(json.loads(value)) if isinstance(value, str) else dict(value)


def _as_bool(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in {"1", "true", "yes", "on"}
    return bool(value)
