"""Requests as Scrapy has them: fields may be set, None means none, and ``meta`` has keys with a meaning."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

import msgspec

import acrawl.request as core
from acrawl.scrapy.http.headers import Headers

_IS_HTTP = re.compile(r"\s*https?:", re.IGNORECASE).match
_IS_OTHER = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE).match
#: What a response's ``meta`` tells of its own request; it does not go on to the next one.
TOLD = frozenset({"depth", "download_latency", "download_slot", "redirect_times"})
#: Fields that may be given as None, and what they are.
_KINDS: dict[str, type] = {
    "headers": dict,
    "body": bytes,
    "cookies": dict,
    "meta": dict,
    "cb_kwargs": dict,
    "flags": list,
}
#: Keys of ``meta`` and the field each one is.
FIELDS = {
    "allow_offsite": "allow_offsite",
    "cookiejar": "cookiejar",
    "dont_merge_cookies": "dont_merge_cookies",
    "dont_redirect": "dont_redirect",
    "download_maxsize": "max_body",
    "download_timeout": "download_timeout",
    "handle_httpstatus_all": "handle_httpstatus_all",
    "handle_httpstatus_list": "handle_httpstatus_list",
    "max_retry_times": "max_retry_times",
    "proxy": "proxy",
}
#: Keys of ``meta`` that nobody reads here, and why.
_UNREAD = {
    "bindaddress": "there is no such choice",
    "dont_cache": "cache.mode holds for all requests",
    "dont_obey_robotstxt": "politeness.obey_robots holds for all requests",
    "playwright": "pages are not rendered",
    "referrer_policy": "strict-origin-when-cross-origin holds for all requests",
    "splash": "pages are not rendered",
}
#: Those that were told of: once in a process is enough.
_told_of: set[str] = set()

log = logging.getLogger(__name__)


class Request(core.Request, frozen=False):  # type: ignore[misc]  # msgspec allows it
    """See `acrawl.Request`. What is no http(s) URL makes a request too, which is passed over when it is given."""

    def __post_init__(self) -> None:
        for field, kind in _KINDS.items():
            given = getattr(self, field)
            if given is None:
                self._put(field, kind())
            elif given and kind is dict and isinstance(given, dict):  # its own: the caller may go on with the other
                self._put(field, dict(given))
        self._tidy()
        if self.is_http or not (isinstance(self.url, str) and _IS_OTHER(self.url)):
            core.Request.__post_init__(self)

    @classmethod
    def of(cls, request: core.Request) -> Self:
        """Return what a callback of Scrapy's expects in the place of a request."""
        return cls(*msgspec.structs.astuple(request))

    def __repr__(self) -> str:
        return f"<{self.method} {self.url}>"

    @property
    def is_http(self) -> bool:
        """Whether the URL can be asked for: ``mailto:`` and ``javascript:`` cannot."""
        return isinstance(self.url, str) and _IS_HTTP(self.url) is not None

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        changes.pop("cls", None)
        return msgspec.structs.replace(self, **changes)

    def completed(self, **fields: Any) -> Self:
        """Return a copy with these fields; its own headers stay where they name none of that name."""
        given = {name: value for name, value in fields.items() if value is not None}
        made = self.replace(**given)
        named = {name.lower() for name in made.headers} if "headers" in given else ()
        return made.replace(
            headers={n: text for n, text in self.headers.items() if n.lower() not in named} | made.headers
        )

    def copy(self) -> Self:
        """Return a copy; its ``meta``, headers, cookies and arguments are its own."""
        own = {name: dict(getattr(self, name)) for name in ("headers", "cookies", "meta", "cb_kwargs")}
        return self.replace(**own)

    def core(self, headers: Mapping[str, str] | None = None, **defaults: Any) -> core.Request:
        """Return the request that travels: what ``meta`` says by its keys is said by fields.

        ``headers`` are those it has where it names none of its own, ``defaults`` are fields that hold where ``meta``
        says nothing. Raises `RequestError` as `acrawl.Request` does.
        """
        self._tidy()
        values = msgspec.structs.astuple(self)
        if not (self.meta or headers or defaults or self.dont_filter):
            return core.Request(*values)
        fields: dict[str, Any] = dict(zip(self.__struct_fields__, values, strict=True)) | defaults
        if self.meta:
            _tell_unread(self.meta)
            fields["meta"] = {key: value for key, value in self.meta.items() if key not in TOLD}
            fields |= {FIELDS[key]: value for key, value in self.meta.items() if key in FIELDS and value is not None}
            if self.meta.get("dont_retry"):
                fields["max_retry_times"] = 0
        if headers:
            named = {name.lower() for name in self.headers}
            fields["headers"] = {
                name: text for name, text in headers.items() if name.lower() not in named
            } | self.headers
        if self.dont_filter:  # Scrapy's offsite filter lets them through as well
            fields["allow_offsite"] = True
        return core.Request(**fields)

    def _tidy(self) -> None:
        """Bring into one form what Scrapy takes in several."""
        headers: Any = self.headers
        if headers and not (
            type(headers) is dict and {type(text) for pair in headers.items() for text in pair} == {str}
        ):
            self._put("headers", _headers(headers))
        cookies: Any = self.cookies
        if cookies and not isinstance(cookies, Mapping):
            self._put("cookies", {one["name"]: one["value"] for one in cookies})
        if not self.method.isupper():
            self._put("method", self.method.upper())


def _tell_unread(meta: Mapping[str, Any]) -> None:
    for key in (_UNREAD.keys() & meta.keys()) - _told_of:
        _told_of.add(key)
        log.warning("%s in meta has no effect here: %s (docs/from-scrapy.md)", key, _UNREAD[key])


def _headers(given: Any) -> dict[str, str]:
    pairs: Iterable[tuple[Any, Any]] = given.items() if isinstance(given, Mapping) else given
    return Headers((name, value) for name, value in pairs if value is not None).to_unicode_dict()
