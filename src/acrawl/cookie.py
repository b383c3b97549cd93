"""A cookie, as it is kept and as it travels, and what keeps a jar small (RFC 6265, 5.3; RFC 6265bis, 5.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from acrawl.url import MAX_LENGTH

#: What tells cookies of one jar apart: domain, whether it is meant for that host only, path, name.
Key = tuple[str, bool, str, str]
#: The longest name of a jar, and of a site: as long as a URL may be.
LONGEST_KEY = 200
LONGEST_SITE = MAX_LENGTH
#: An ``expires`` that is over for whoever reads it.
OVER = 1.0


class Cookie(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One cookie.

    ``domain`` is a name without a leading dot; with ``host_only`` its subdomains do not get it. ``expires`` is Unix
    time, 0 for one that lasts as long as the job; ``created`` and ``set_at``, when it was set last, are Unix time. One
    that is over, with `OVER` for its end, tells that the server has taken it back.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    expires: float = 0.0
    host_only: bool = True
    secure: bool = False
    created: float = 0.0
    set_at: float = 0.0

    @property
    def key(self) -> Key:
        """What tells it from the others of its jar."""
        return self.domain, self.host_only, self.path, self.name

    def is_over(self, now: float) -> bool:
        """Whether it must not be sent any more."""
        return 0 < self.expires <= now

    def is_like(self, old: Cookie, now: float) -> bool:
        """Whether nobody has to be told that it has replaced ``old``, one of the same key.

        An end that has moved by less than a tenth of what is left is no news.
        """
        if (self.value, self.secure, not self.expires) != (old.value, old.secure, not old.expires):
            return False
        return abs(self.expires - old.expires) <= (self.expires - now) / 10 if self.expires else True


class JarChange(msgspec.Struct, frozen=True, array_like=True):
    """What became of one jar in an exchange: of the ``site`` (a registrable domain), under the spider's ``key``."""

    site: str
    key: str
    cookies: list[Cookie]


class JarCopy(msgspec.Struct, frozen=True, array_like=True):
    """A jar as the frontier has it; ``version`` is compared with that in tickets."""

    version: int
    cookies: list[Cookie] = []


def put(kept: dict[Key, Cookie], changes: Iterable[Cookie], now: float, *, most: int, size: int) -> None:
    """Take changes into a jar, the last set last, and keep it at ``most`` cookies of ``size`` bytes together.

    A cookie that replaces another one keeps its time of creation. What is over goes first, then what may be sent in the
    clear, and in each kind what was set the longest ago.
    """
    for cookie in changes:
        old = kept.pop(cookie.key, None)
        if not cookie.is_over(now):
            kept[cookie.key] = cookie if old is None else msgspec.structs.replace(cookie, created=old.created)
    weight = sum(map(_weight, kept.values()))
    if len(kept) <= most and weight <= size:
        return
    kinds: tuple[Callable[[Cookie], bool], ...] = (lambda c: c.is_over(now), lambda c: not c.secure, lambda _: True)
    for doomed in kinds:
        for key in [key for key, cookie in kept.items() if doomed(cookie)]:
            if len(kept) <= most and weight <= size:
                return
            weight -= _weight(kept.pop(key))


def _weight(cookie: Cookie) -> int:
    return len(cookie.name) + len(cookie.value) + len(cookie.domain) + len(cookie.path)
