"""A request: what a spider asks for, and the sealed form in which it travels and is queued."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from acrawl.cookie import LONGEST_KEY
from acrawl.errors import RequestError
from acrawl.parse.digest import given
from acrawl.settings.masks import proxy as masked
from acrawl.spelling import EXACT, Spelling
from acrawl.url import canonical, fingerprint, host_of, is_known

Callback = Callable[..., Any]

if TYPE_CHECKING:

    class _Name:
        """A method is given, or its name, and its name is what is there: a checker must know both types."""

        def __get__(self, request: Request, of: type[Request]) -> str | None: ...
        def __set__(self, request: Request, given: Callback | str | None) -> None: ...

else:
    _Name = str | None

#: Characters of the name that a spider gives to a saved file.
LONGEST_NAME = 4096
#: No link is followed further from a seed.
DEEPEST = (1 << 31) - 1

_encode = msgspec.msgpack.Encoder().encode
_PROXY = re.compile(
    r"direct|(?:(?:https?|socks|socks5h?|socks4)://)?(?:[^@/\s]*@)?(?:\[[0-9A-Fa-f:.]+]|[^][:/@\s]+)(?::\d{1,5})?/?"
).fullmatch


class Request(msgspec.Struct, frozen=True):
    """One thing to fetch. Immutable; `replace` makes a changed copy.

    ``url`` is absolute and is brought into the canonical form of `acrawl.url`. ``callback`` and ``errback`` are methods
    of the spider, given as the method or as its name; only the name travels.
    ``meta`` and ``cb_kwargs`` are the user's and must consist of plain values (msgpack); the framework never reads
    ``meta``. A higher ``priority`` goes first. ``save`` streams the body to the file store: True always, a text only
    where the media type of the bytes begins with it (``"image/"``); what is not saved comes to the callback as usual.
    ``not_before`` is seconds since the epoch. ``dont_filter`` skips the duplicate check, ``allow_offsite`` the scope.
    ``hops`` counts the redirects that led here. ``digest`` is what a saved file must have: ``sha-256=`` (or sha-512=,
    sha=, md5=) and the value in hexadecimal or base64; another file fails as digest-mismatch. ``proxy`` is the URL of a
    proxy to take, or ``direct`` for none. ``cookies`` are sent, and remembered in the cookie jar that ``cookiejar``
    names (a text or a number; one jar a site for each name, and the same URL is not the same request in another jar);
    with ``dont_merge_cookies`` no jar has a part in it. ``max_retry_times`` replaces the number of further tries of
    what the retry table tries again (0: never, -1: as the table says). ``max_body`` is how many bytes of a page are
    taken, in place of ``fetch.max_body`` (0: as that says). ``dont_redirect`` brings redirects to the callback,
    ``handle_httpstatus_list`` and ``handle_httpstatus_all`` redirects and failures of these statuses or of all.
    ``download_timeout`` replaces ``fetch.total_timeout`` (``file_timeout`` of a saved file), in seconds. ``save_as`` is
    what a saved file is to be called below the folder of the files, in place of ``files.name``: ``/`` makes folders, at
    the end one in which the file has its usual name; an extension is added to a name without one. Raises
    `RequestError`, naming the field, where it was made.
    """

    url: str
    callback: _Name = None  # type: ignore[assignment]
    method: str = "GET"
    headers: dict[str, str] = {}
    body: bytes = b""
    cookies: dict[str, str] = {}
    meta: dict[str, Any] = {}
    encoding: str = "utf-8"
    priority: int = 0
    dont_filter: bool = False
    errback: _Name = None  # type: ignore[assignment]
    flags: list[str] = []
    cb_kwargs: dict[str, Any] = {}
    depth: int = 0
    save: bool | str = False
    not_before: float = 0.0
    referrer: str = ""
    allow_offsite: bool = False
    hops: int = 0
    digest: str = ""
    proxy: str = ""
    cookiejar: str = ""
    dont_merge_cookies: bool = False
    max_retry_times: int = -1
    max_body: int = 0
    dont_redirect: bool = False
    handle_httpstatus_list: list[int] = []
    handle_httpstatus_all: bool = False
    download_timeout: float = 0.0
    save_as: str = ""

    def __post_init__(self) -> None:
        if self.url.__class__ is not str or not is_known(self.url):
            self._put("url", _checked(self.url))
        if self.callback is not None and self.callback.__class__ is not str:
            self._put("callback", _method_name("callback", self.callback))
        if self.errback is not None and self.errback.__class__ is not str:
            self._put("errback", _method_name("errback", self.errback))
        if self.proxy:
            _check_proxy(self.proxy)
        if self.body.__class__ is not bytes:
            self._put("body", str(self.body).encode(self.encoding))
        if self.cookiejar.__class__ is not str or self.cookiejar:
            self._put("cookiejar", _jar_key(self.cookiejar))
        if self.cookies.__class__ is not dict or self.cookies:
            self._put("cookies", _named_values(self.cookies))
        if self.headers or self.meta or self.cb_kwargs or self.cookies or self.body:
            self._check_travels()
        if self.digest:
            self._check_digest()
        if self.save_as.__class__ is not str or self.save_as:
            self._check_name()

    def replace(self, **changes: Any) -> Request:
        """Return a copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    @property
    def host(self) -> str:
        """The politeness key (see `acrawl.url.host_of`)."""
        return host_of(self.url)

    def wants(self, status: int) -> bool:
        """Whether the callback is to see an answer of this status, though it is a redirect or a failure."""
        return self.handle_httpstatus_all or status in self.handle_httpstatus_list

    def saves(self, media_type: str) -> bool:
        """Whether a body of this type goes to the file store."""
        return self.save is True or (
            isinstance(self.save, str) and self.save != "" and media_type.startswith(self.save)
        )

    def _put(self, field: str, value: Any) -> None:
        msgspec.structs.force_setattr(self, field, value)

    def _check_travels(self) -> None:
        for field in ("headers", "cookies", "meta", "cb_kwargs", "body"):
            try:
                _encode(getattr(self, field))
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                raise RequestError(
                    f"Request({self.url!r}): {field} cannot travel to another process: {error}; "
                    "use plain values (str, int, float, bool, None, bytes, list, dict)"
                ) from None
        for name, value in self.headers.items():
            if not isinstance(name, str) or not isinstance(value, str) or "\n" in value or "\r" in value:
                raise RequestError(f"Request({self.url!r}): header {name!r} must be text on one line")

    def _check_digest(self) -> None:
        try:
            given(self.digest)
        except (ValueError, AttributeError) as error:  # no digest, or no text
            raise RequestError(f"Request({self.url!r}): digest: {error}") from None
        if not self.save:
            raise RequestError(f"Request({self.url!r}): digest is for saved files: give save=True as well")

    def _check_name(self) -> None:
        if not isinstance(self.save_as, str) or len(self.save_as) > LONGEST_NAME:
            raise RequestError(f"Request({self.url!r}): save_as: give a text of at most {LONGEST_NAME} characters")
        if not self.save:
            raise RequestError(f"Request({self.url!r}): save_as is for saved files: give save=True as well")
        if not self.save_as.isascii():  # half characters, of broken pages, cannot travel
            self._put("save_as", self.save_as.encode("utf-8", "replace").decode())


def _check_proxy(proxy: Any) -> None:
    if not isinstance(proxy, str) or not _PROXY(proxy):
        raise RequestError(
            f"Request(proxy={masked(proxy)!r}): write a URL, as in http://user:password@host:port or "
            "socks5h://host:port, or 'direct' for none"
        )


def _checked(url: Any) -> str:
    if not isinstance(url, str):
        raise RequestError(f"Request(url={url!r}): the URL must be text")
    return canonical(url)


def _method_name(field: str, function: Any) -> str:
    name = getattr(function, "__name__", "")
    if not inspect.ismethod(function) or not name.isidentifier():
        raise RequestError(
            f"{field}={function!r}: give a method of the spider, or its name; other functions cannot travel, "
            "and what they need goes into cb_kwargs"
        )
    return name


def _jar_key(key: Any) -> str:
    text = "" if key is None else str(key)
    if len(text) > LONGEST_KEY or not text.isprintable():
        raise RequestError(f"cookiejar={text[:50]!r}: name a jar with at most {LONGEST_KEY} printable characters")
    return text


def _named_values(cookies: Any) -> dict[str, str]:
    """Cookies as text by name; a list of ``{"name": ..., "value": ...}`` is taken, too."""
    cookies = {} if cookies is None else cookies
    if isinstance(cookies, list) and all(isinstance(one, dict) and one.keys() == {"name", "value"} for one in cookies):
        cookies = {one["name"]: one["value"] for one in cookies}
    if not isinstance(cookies, dict) or not all(isinstance(value, str | int | float) for value in cookies.values()):
        raise RequestError(f"cookies={cookies!r:.200}: give them as {{name: value}}")
    return {str(name): str(value) for name, value in cookies.items()}


class Sealed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A discovered request on its way into the frontier.

    What the frontier decides by lies open; ``body`` is all of the request but its URL, opaque bytes that only the
    worker which fetches it unseals. ``key`` is `acrawl.url.fingerprint`. A ``continuation`` is the target of the
    redirect that is reported with it. ``excluded`` is a reason not to fetch it that its finder already knows.
    """

    key: bytes
    host: str
    url: str
    body: bytes
    priority: int = 0
    depth: Annotated[int, msgspec.Meta(ge=0, le=DEEPEST)] = 0
    not_before: float = 0.0
    dont_filter: bool = False
    allow_offsite: bool = False
    continuation: bool = False
    excluded: str = ""


def seal(
    request: Request, secret: bytes, spelling: Spelling = EXACT, *, continuation: bool = False, excluded: str = ""
) -> Sealed:
    """Close a request for the journey. ``secret`` is the job's, from the master; ``spelling`` is the crawl's."""
    url = spelling.address(request.url)
    host = host_of(url)
    return Sealed(
        fingerprint(secret, host, spelling.key(url), request.method, request.body, session=request.cookiejar),
        host,
        url,
        _packed(request if url is request.url else request.replace(url=url)),
        request.priority,
        max(0, min(request.depth, DEEPEST)),
        request.not_before,
        request.dont_filter,
        request.allow_offsite,
        continuation,
        excluded,
    )


def unseal(url: str, body: bytes) -> Request:
    """Put a URL and a `Sealed.body` together again.

    Raises `msgspec.DecodeError` for bytes that are no request, `RequestError` for what is no URL.
    """
    shared, *values = _astuple(_unpack(body))
    if shared:
        values[0] = url[:shared] + values[0]
    return Request(url, *_in_order(values))


# A body is an array: how many characters the referrer has in common with the URL, the rest of the referrer, and the
# other fields, those first that followed links set. Defaults at its end are left out, so that most bodies are some
# 15 bytes: a frontier keeps millions of them.
_BARE = Request("http://a/")
_TYPES = {field.name: field.type for field in msgspec.structs.fields(Request) if field.name != "url"}
_USUAL = ("referrer", "depth", "callback", "save", "priority")
_ORDER = (*_USUAL, *(name for name in _TYPES if name not in _USUAL))
_Body = msgspec.defstruct(
    "_Body",
    [("shared", int, 0), *((name, _TYPES[name], getattr(_BARE, name)) for name in _ORDER)],
    array_like=True,
)
_astuple = msgspec.structs.astuple
_unpack = msgspec.msgpack.Decoder(_Body).decode
_as_body = itemgetter(*(1 + list(_TYPES).index(name) for name in _ORDER))
_in_order = itemgetter(*map(_ORDER.index, _TYPES))
_DEFAULTS = _as_body(_astuple(_BARE))
_LINK, _CALLED = 2, len(_USUAL)
_DEFAULTS_OF_LINK, _DEFAULTS_OF_CALLED = _DEFAULTS[_LINK:], _DEFAULTS[_CALLED:]
#: The body of a request that is nothing but a GET of its URL.
BARE_BODY = _encode(())


def _packed(request: Request) -> bytes:
    values = _as_body(_astuple(request))
    if values[_LINK:] == _DEFAULTS_OF_LINK:
        values = values[:_LINK]
    elif values[_CALLED:] == _DEFAULTS_OF_CALLED:
        values = values[:_CALLED]
    referrer = values[0]
    shared = _shared(request.url, referrer) if referrer else 0
    return _encode((shared, referrer[shared:], *values[1:]))


def _shared(url: str, referrer: str) -> int:
    """How much of its folders the referrer has in common with the URL."""
    end = len(referrer)
    while (end := referrer.rfind("/", 0, end)) >= 0:
        if url.startswith(referrer[: end + 1]):
            return end + 1
    return 0


def shortened(body: bytes) -> bytes:
    """Return a body as acrawl 0.1 stored it (with its URL and the names of its fields) in today's form."""
    return _packed(msgspec.msgpack.decode(body, type=Request))
