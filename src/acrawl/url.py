"""URLs as the web has them: parsed, joined and serialised by the WHATWG URL standard (through ada).

One canonical form is used everywhere: absolute, http or https, no fragment, default port dropped, host in ASCII,
path and query percent-encoded as browsers send them.
"""

from __future__ import annotations

import functools
import re
from hashlib import blake2b

import ada_url
from publicsuffixlist import PublicSuffixList

from acrawl.errors import RequestError

#: Longer URLs are refused: no server is asked with them and no store has to keep them.
MAX_LENGTH = 8192
#: No name in the DNS is longer (RFC 1035, 2.3.4), its last dot included.
_LONGEST_NAME = 254
_MEMO_LIMIT = 200_000
#: Longer texts are not remembered: a hostile site would fill the memory with them.
_MEMO_LENGTH = 500
_memo: dict[str, dict[str, str | None]] = {}
_memo_size = 0
#: URLs known to be canonical already: what was joined on a page need not be parsed again to make a request.
_known: set[str] = set()
#: Whether a URL is surely canonical; False says nothing.
is_known = _known.__contains__


def canonical(url: str) -> str:
    """Return the canonical form of an absolute URL.

    Raises `RequestError` for what is not an absolute http(s) URL or is longer than `MAX_LENGTH`.
    """
    if url in _known:
        return url
    try:
        href = ada_url.normalize_url(url)
    except (ValueError, UnicodeEncodeError):
        raise RequestError(f"not an absolute URL: {url[:200]!r}; write it as https://host/path") from None
    found = _http(href)
    if found is None:
        raise RequestError(f"not an http(s) URL of at most {MAX_LENGTH} characters: {url[:200]!r}")
    return found


def join(base: str, href: str) -> str | None:
    """Resolve ``href`` against an absolute ``base``; None where the result must not be requested."""
    try:
        return _http(ada_url.join_url(base, href))
    except (ValueError, UnicodeEncodeError):
        return None


#: References that need no parsing: a path that leads up at its beginning only, of characters that stay as they are.
_PLAIN = re.compile(
    r"((?:\.\./)++|/?+)((?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*+/?+)*+)(?:\?[A-Za-z0-9._~/=&+-]*+)?+"
    r"(?:#[^\n\ud800-\udfff]*+)?+\Z"
).match


class Joiner:
    """Resolves the references of one document; remembers them for the next document of the same folder.

    ``base`` is canonical. What may depend on the whole base (``?x``, ``#x``, ``http:``, control characters in front) is
    never remembered.
    """

    __slots__ = ("_base", "_folder", "_origin", "_path")

    def __init__(self, base: str) -> None:
        path = base.partition("?")[0]
        folder = path[: path.rfind("/") + 1]
        self._base = base
        self._path = folder
        self._origin = base[: base.find("/", 8)]
        known = _memo.get(folder)
        if known is None:
            known = {}
            if len(folder) < _MEMO_LENGTH:
                _count()
                _memo[folder] = known
        self._folder = known

    def __call__(self, href: str) -> str | None:
        """Return the absolute URL, or None where it must not be requested."""
        found = self._folder.get(href, "")
        if found != "":
            return found
        plain = _PLAIN(href)
        if plain is not None and plain.end(2):
            start = plain[1]
            joined = self._upward(start, href) if start else self._path + href
            url = _remembered(joined.partition("#")[0] if "#" in joined else joined)
            if len(href) < _MEMO_LENGTH:
                self._remember(href, url)
            return url
        url = join(self._base, href)
        first = href[:1]
        by_folder = first in "/." or (first.isalnum() and ":" not in href) or href.startswith(("http://", "https://"))
        if first and by_folder and len(href) < _MEMO_LENGTH:
            self._remember(href, url)
        return url

    def _upward(self, start: str, href: str) -> str:
        if start == "/":
            return self._origin + href
        folder, top = self._path, len(self._origin)
        for _ in range(0, len(start), len("../")):
            folder = folder[: max(folder.rfind("/", 0, -1), top) + 1]
        return folder + href[len(start) :]

    def _remember(self, href: str, url: str | None) -> None:
        if url is None or len(url) < _MEMO_LENGTH:
            _count()
            self._folder[href] = url


def _count() -> None:
    """Make room for one more in the memos of all folders together."""
    global _memo_size  # noqa: PLW0603 - one bound over all of them
    if _memo_size >= _MEMO_LIMIT:
        _memo.clear()
        _memo_size = 0
    _memo_size += 1


def host_of(url: str) -> str:
    """Return the politeness key of a canonical URL: scheme, name and port, as in ``https://example.org:8443``.

    The scheme and the port belong to it because robots.txt does (RFC 9309, 2.3).
    """
    end = url.find("/", 8)
    host = url[:end] if end > 0 else url
    if "@" in host:
        scheme, _, rest = host.partition("://")
        host = f"{scheme}://{rest.rpartition('@')[2]}"
    return host


def name_of(host: str) -> str:
    """Return the bare name of a politeness key: no scheme, no port, no brackets of IPv6 removed."""
    name = host.partition("://")[2]
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


@functools.lru_cache(4096)
def site_of(host: str) -> str:
    """Return the registrable domain of a politeness key: hosts of one site may share cookies."""
    return registrable_domain(name_of(host))


def folded(host: str) -> str:
    """Return a politeness key without scheme, default port and leading ``www.``: what people call "the site"."""
    return host.partition("://")[2].removeprefix("www.")


@functools.lru_cache(4096)
def registrable_domain(name: str) -> str:
    """Return the name one level below the public suffix (``a.b.example.co.uk`` gives ``example.co.uk``)."""
    if name.startswith("[") or name.rpartition(".")[2].isdecimal():  # an address has no domain above it
        return name
    return _public_suffixes().privatesuffix(name) or name


@functools.lru_cache(4096)
def is_public_suffix(name: str) -> bool:
    """Whether anybody may register names below this one (``co.uk``, ``github.io``, any top level)."""
    return _public_suffixes().is_public(name)


@functools.cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def fingerprint(key: bytes, host: str, url: str, method: str = "GET", body: bytes = b"", *, session: str = "") -> bytes:
    """Return the 16 bytes that stand for a request in the seen set.

    Four bytes of the host come first, so that the keys of one site lie together on disk; twelve bytes of method, URL
    and body follow: in each ``session`` others. Both are keyed with the job's secret: nobody can prepare collisions
    (BLAKE2, RFC 7693).
    """
    person = blake2b(session.encode(), digest_size=16).digest() if session else b""
    tail = blake2b(url.encode("utf-8", "surrogatepass"), digest_size=12, key=key, person=person)
    if method != "GET" or body:
        tail.update(b"\0" + method.encode() + b"\0" + body)
    return host_prefix(key, host) + tail.digest()


@functools.lru_cache(65536)
def host_prefix(key: bytes, host: str) -> bytes:
    """Return the bytes with which the fingerprints of a host begin."""
    return blake2b(host.encode("utf-8", "surrogatepass"), digest_size=4, key=key).digest()


def _http(href: str) -> str | None:
    if not href.startswith(("http://", "https://")):
        return None
    if len(href) > _LONGEST_NAME and len(name_of(host_of(href))) > _LONGEST_NAME:
        return None
    return _remembered(href.partition("#")[0])


def _remembered(url: str) -> str | None:
    if len(url) > MAX_LENGTH:
        return None
    if len(url) > _MEMO_LENGTH:
        return url
    if len(_known) >= _MEMO_LIMIT:
        _known.clear()
    _known.add(url)
    return url
