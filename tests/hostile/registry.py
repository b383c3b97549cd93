"""What a behaviour is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hostile.server import Peer

#: What serves one connection; the connection is closed when it returns.
Serve = Callable[["Peer"], Awaitable[None]]


class Behaviour(msgspec.Struct, frozen=True):
    """One way to be hostile.

    ``outcome`` is the ledger's word for the fetch of a page; ``ok`` where the answer must be taken. ``end`` is the word
    for the last URL of a chain of redirects. ``in_crawl`` is the word where a crawl, which asks for robots.txt first
    and waits for hosts, comes to another one. ``times`` says how many pages are fetched, one after the other, and
    ``path`` is that of page ``n``; ``pause`` is how many seconds lie between two pages, for what must arrive there (a
    crawl fetches one page then). ``robots`` behaviours serve /robots.txt themselves. ``tls`` names the certificate;
    with ``none`` the behaviour itself speaks TLS, or does not.
    """

    name: str
    text: str
    serve: Serve
    outcome: str
    end: str = ""
    in_crawl: str = ""
    times: int = 1
    pause: float = 0.0
    robots: bool = False
    tls: str = ""
    path: str = "/{n}"

    @property
    def word(self) -> str:
        """The ledger's word after a crawl."""
        return self.in_crawl or self.outcome


#: All of them, by name.
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(outcome: str, **more: object) -> Callable[[Serve], Serve]:
    """Register a coroutine function under its name; its docstring's first line says what it does."""

    def register(serve: Serve) -> Serve:
        name = serve.__name__.replace("_", "-")
        assert name not in BEHAVIOURS, name
        BEHAVIOURS[name] = Behaviour(name, (serve.__doc__ or "").splitlines()[0], serve, outcome, **more)
        return serve

    return register
