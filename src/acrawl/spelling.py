"""Which URLs are one, though they are written in several ways.

The URL standard's canonical form (`acrawl.url`) leaves more than one spelling for most pages. Some are the same by RFC
3986; whether others are, only the user of a site can know: ``[urls]`` in the settings says so.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping

from acrawl.errors import RequestError, SettingsError
from acrawl.settings import Urls
from acrawl.url import canonical, host_of

#: Not behind the beginning of another one: what is decoded there would complete it.
_PERCENT = re.compile(r"(?<!%)(?<!%[0-9A-Fa-f])%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
#: Session ids in paths: of servlets, and of ASP.NET without cookies.
_IN_PATH = re.compile(r";jsessionid=[^/;?]*|/\([A-Za-z]\([A-Za-z0-9]{24}\)\)(?=/)", re.IGNORECASE)
#: Parameters that are session ids whatever their value, and those that are when it looks like one.
_SESSIONS = (
    *("jsessionid", "phpsessid", "aspsessionid*", "sessionid", "session_id", "sessid", "oscsid", "zenid"),
    *("cfid", "cftoken"),
)
_MAYBE = re.compile(r"s(?:id|ession)?=(?:[0-9a-f]{16,}|[0-9a-z]{24,})", re.IGNORECASE)


class Spelling:
    """What a crawl takes for one URL. Raises `SettingsError` for aliases that are no hosts."""

    __slots__ = ("_aliases", "_dropped", "_fold_slash", "_plain", "_sessions", "_sort")

    def __init__(self, urls: Urls) -> None:
        self._aliases = _aliases(urls.host_aliases)
        self._sort = urls.sort_query
        self._sessions = urls.drop_sessions
        self._fold_slash = urls.fold_slash
        names = (*urls.drop_params, *(_SESSIONS if urls.drop_sessions else ()))
        self._dropped = re.compile("|".join(map(fnmatch.translate, names)), re.IGNORECASE).match if names else None
        self._plain = not (names or urls.sort_query or urls.fold_slash)

    def address(self, url: str) -> str:
        """The URL to ask for: at the host that a host's alias stands for."""
        if not self._aliases:
            return url
        host = host_of(url)
        origin = self._aliases.get(host)
        return url if origin is None or not url.startswith(f"{host}/") else origin + url[len(host) :]

    def key(self, url: str) -> str:
        """What stands for the URL where URLs are compared: equal for all its spellings. Not always fit to be fetched.

        Percent-encodings are compared by what they encode (RFC 3986, 6.2.2).
        """
        if "%" in url:
            url = _PERCENT.sub(_decoded, url)
        if self._plain:
            return url
        path, mark, query = url.partition("?")
        if self._sessions:
            path = _IN_PATH.sub("", path)
        if self._fold_slash and path.endswith("/") and path.find("/", len("https://")) < len(path) - 1:
            path = path[:-1]
        if not mark:
            return path
        kept = query.split("&")
        if self._dropped is not None:
            kept = [part for part in kept if not self._makes_no_difference(part)]
            if not kept:
                return path
        if self._sort:
            kept.sort(key=_name)
        return f"{path}?{'&'.join(kept)}"

    def _makes_no_difference(self, part: str) -> bool:
        assert self._dropped is not None
        if self._dropped(_name(part)) is not None:
            return True
        return self._sessions and _MAYBE.fullmatch(part) is not None


def _name(part: str) -> str:
    return part.partition("=")[0]


def _decoded(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return char if char in _UNRESERVED else match[0].upper()


def _aliases(table: Mapping[str, str]) -> dict[str, str]:
    """From each host (scheme, name, port) that is an alias to the one that it stands for."""
    found: dict[str, str] = {}
    for alias, target in table.items():
        schemes = (alias.partition("://")[0],) if "://" in alias else ("http", "https")
        for scheme in schemes:
            found[_host(alias, scheme)] = _host(target, scheme)
    for alias, target in found.items():
        if target in found and target != alias:
            raise SettingsError(f"urls.host_aliases: {target} is an alias itself; name the last one for {alias}")
    return found


def _host(text: str, scheme: str) -> str:
    try:
        url = canonical(text if "://" in text else f"{scheme}://{text}")
    except RequestError:
        url = ""
    host = host_of(url)
    if url != f"{host}/":
        raise SettingsError(
            f"urls.host_aliases: {text!r} is no host; write a name, as in www.example.org, or with a scheme, as in "
            "http://example.org"
        )
    return host


#: URLs are one when the standards say so.
EXACT = Spelling(Urls())
