"""Credentials for servers: which origin gets which, and how they are shown (RFC 7617, 7616, 6750).

They are put beside the request (`Exchange.authorization`), not into it: what is made of the request afterwards, as a
redirect is, cannot carry them to another server or into the frontier.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from acrawl.clock import Clock
from acrawl.errors import RequestError, SettingsError
from acrawl.fetch.base import Send
from acrawl.fetch.digest import Challenge, Digest, best, challenges
from acrawl.fetch.reveal import revealed
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings.masks import LOGINS
from acrawl.settings.masks import proxy as without_password
from acrawl.url import canonical, host_of

#: Origins of which is remembered how they want to be answered, besides those of the settings.
_MOST_REMEMBERED = 1000
#: Realms of one origin that are remembered as closed.
_MOST_CLOSED = 100


class Auth:
    """The stage ``auth``: sends credentials to the origins they belong to, and answers their challenges once.

    ``hosts`` is the setting ``auth.hosts``. ``login`` is a user, a password, and the domain whose hosts may have them
    (Scrapy's ``http_user``, ``http_pass`` and ``http_auth_domain``). Raises `SettingsError` for what is none of these;
    for a secret that is not where it should be, when it is entered.
    """

    def __init__(
        self,
        hosts: Mapping[str, str],
        login: tuple[str, str, str],
        clock: Clock,
        random: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        user, password, self._domain = login
        if user and not self._domain:
            raise SettingsError("http_user needs http_auth_domain: the domain whose hosts may know the password")
        self._written = {_origin(host): (host, *_read(host, text)) for host, text in hosts.items()}
        self._of_domain = lambda: Credentials(user, password, random, basic=True, digest=True, at_once=True)
        self._given: dict[str, Credentials] = {}
        self._met: dict[str, Credentials] = {}
        self._clock = clock
        self._random = random

    async def __aenter__(self) -> Self:
        self._given = await asyncio.to_thread(self.reveal)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. A challenge that can be answered costs one more request, as far apart."""
        exchange = send.exchange
        exchange.authorization = ""
        own = self._for(request)
        if own is None or any(name.lower() == "authorization" for name in request.headers):
            return await send(request)
        exchange.authorized = request.host
        exchange.authorization = own.show(request)
        response = await send(request)
        if response.status != 401:
            own.follow(response.headers.get("Authentication-Info", ""))
            return response
        realm = own.challenged(response.headers.getall("WWW-Authenticate", ()))
        if realm is None:
            return response
        if exchange.spacing:
            await self._clock.sleep(exchange.again())
        exchange.authorization = own.show(request)
        response = await send(request)
        if response.status == 401:
            own.refused(realm)
        else:
            own.follow(response.headers.get("Authentication-Info", ""))
        return response

    def reveal(self) -> dict[str, Credentials]:
        """Read the secrets that the settings name. Blocks. Raises `SettingsError` for one that is not there."""
        found = {}
        for origin, (host, scheme, written) in self._written.items():
            where = f"auth.hosts: {host}"
            secret = revealed(written, where)
            if scheme == "bearer":
                if not secret.isprintable():
                    raise SettingsError(f"{where}: the token is not one line of printable characters")
                found[origin] = Credentials("", "", self._random, always=f"Bearer {secret}")
                continue
            user, colon, password = secret.partition(":")
            if not colon:
                raise SettingsError(f"{where}: write it as {scheme} user:password")
            password = revealed(password, where)
            found[origin] = Credentials(
                user,
                password,
                self._random,
                basic=scheme in {"basic", "login"},
                digest=scheme in {"digest", "login"},
                at_once=scheme == "basic",
            )
        return found

    def _for(self, request: Request) -> Credentials | None:
        url = request.url
        authority = url[: url.find("/", 8)] if "@" in url else ""
        if "@" in authority:
            return self._meeting(authority, lambda: self._of_url(authority))
        if not self._given and not self._domain:
            return None
        origin = host_of(url)
        if (own := self._given.get(origin)) is not None:
            return own
        if self._domain and _is_below(origin, self._domain):
            return self._meeting(origin, self._of_domain)
        return None

    def _meeting(self, key: str, make: Callable[[], Credentials]) -> Credentials:
        """Return what is remembered under a key, or a new one; what was used last is forgotten last."""
        own = self._met.pop(key, None) or make()
        if len(self._met) >= _MOST_REMEMBERED:
            del self._met[next(iter(self._met))]
        self._met[key] = own
        return own

    def _of_url(self, authority: str) -> Credentials:
        """The user and password of a URL. The transport shows them at once, as Basic; here challenges are answered."""
        user, _, password = authority.partition("://")[2].rpartition("@")[0].partition(":")
        return Credentials(unquote(user), unquote(password), self._random, digest=True)


class Credentials:
    """What one origin may know, and how it wants to be told.

    ``basic`` and ``digest`` are the challenges that are answered; ``at_once`` shows Basic without being asked,
    ``always`` that value. Not shown by repr.
    """

    def __init__(
        self,
        user: str,
        password: str,
        random: Callable[[], str],
        *,
        basic: bool = False,
        digest: bool = False,
        at_once: bool = False,
        always: str = "",
    ) -> None:
        self._user = user
        self._password = password
        self._random = random
        self._answers_basic = basic
        self._answers_digest = digest
        self._always = always or (self._as_basic() if at_once else "")
        self._digest: Digest | None = None
        self._closed: set[int] = set()  # hashes: a server may give its realms long names

    def show(self, request: Request) -> str:
        """The value of Authorization for a request, as far as it is known what the server wants; empty for none."""
        if self._digest is None:
            return self._always
        url = request.url
        return self._digest.answer(request.method.upper(), url[url.find("/", 8) :], request.body)

    def challenged(self, fields: Iterable[str]) -> str | None:
        """Take in a challenge; return its realm if the request is worth sending again, else None.

        It is not for credentials that this realm has refused already.
        """
        offered = challenges(fields)
        asked = best(offered) if self._answers_digest else None
        if asked is not None:
            realm, stale = asked["realm"], asked.get("stale", "").lower() == "true"
            if hash(realm) in self._closed and not stale:
                return None
            self._digest = Digest(self._user, self._password, asked, self._random())
            return realm
        basic = next((one for one in offered if one.scheme == "basic"), None)
        if basic is None or not self._answers_basic or self._always:
            return None
        self._always = self._as_basic()
        return basic.parameters.get("realm", "")

    def refused(self, realm: str) -> None:
        """Remember that a realm does not let these credentials in."""
        if len(self._closed) < _MOST_CLOSED:
            self._closed.add(hash(realm))
        self._digest = None

    def follow(self, info: str) -> None:
        """Go on with the nonce that Authentication-Info names (RFC 7616, 3.5)."""
        if info and self._digest is not None:
            named = challenges([f"Digest {info}"])
            nonce = named[0].parameters.get("nextnonce", "") if named else ""
            asked = best([Challenge("digest", {**self._digest.asked, "nonce": nonce})]) if nonce else None
            if asked is not None:
                self._digest = Digest(self._user, self._password, asked, self._random())

    def _as_basic(self) -> str:
        return f"Basic {b64encode(f'{self._user}:{self._password}'.encode()).decode()}"


def _read(host: str, text: str) -> tuple[str, str]:
    scheme, _, secret = text.strip().partition(" ")
    secret = secret.strip()
    if scheme.lower() not in LOGINS or not secret or (scheme.lower() != "bearer" and ":" not in secret):
        where = f"auth.hosts: {without_password(host)}"
        raise SettingsError(f"{where}: write basic, digest or login and user:password, or bearer and a token")
    return scheme.lower(), secret


def _origin(host: str) -> str:
    """The politeness key of an origin, or of a name, which means https."""
    try:
        url = canonical(host if "://" in host else f"https://{host}")
    except RequestError:
        url = ""
    origin = host_of(url) if url else ""
    if url != f"{origin}/" or not origin or "*" in origin:
        raise SettingsError(
            f"auth.hosts: {without_password(host)!r}: write an origin, as in https://a.example, or a name for https"
        )
    return origin


def _is_below(origin: str, domain: str) -> bool:
    host = origin.partition("://")[2]
    if not host.endswith("]"):
        host = host.partition(":")[0]
    domain = domain.lower().strip(".")
    return host == domain or host.endswith(f".{domain}")
