"""What belongs to the crawl: scope, depth, and what its URL may look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from acrawl.errors import SettingsError, SpiderError
from acrawl.request import Sealed
from acrawl.settings import Scope
from acrawl.url import folded, host_of, name_of, registrable_domain, site_of


class ScopeGate:
    """The gate of a spider: its ``allowed_domains`` where it has any, else the scope setting around its seeds.

    ``group_of`` names the second budget of a host, where one is asked for.

    Seeds themselves always belong. Verdicts by host are kept, so that a link costs one look-up. Raises `SettingsError`
    for what is no regular expression.
    """

    def __init__(
        self, scope: Scope, allowed_domains: Sequence[str] = (), group_of: Callable[[str], str] = site_of
    ) -> None:
        self._within = scope.within
        self._max_depth = scope.max_depth
        self._group_of = group_of
        self._allow = _searching("scope.allow", scope.allow)
        self._deny = _searching("scope.deny", scope.deny)
        self._by_path = scope.within == "path" and not allowed_domains
        self._domains = tuple(domain.lower().strip(".") for domain in allowed_domains)
        self._hosts: set[str] = set()
        self._sites: set[str] = set()
        self._paths: set[str] = set()
        self._verdicts: dict[str, bool] = {}

    def add_seed(self, url: str) -> None:
        """Widen the scope by a seed; call it before the seed is added to the frontier. Idempotent."""
        host = host_of(url)
        self._hosts.add(host)
        site = site_of(host) if self._within == "domain" else folded(host)
        if site not in self._sites:
            self._sites.add(site)
            self._verdicts.clear()
        path = url[len(host) :].partition("?")[0]
        self._paths.add(folded(host) + path[: path.rfind("/") + 1])

    def excludes(self, request: Sealed) -> str:
        """See `acrawl.frontier.base.Gate.excludes`."""
        if self._max_depth and request.depth > self._max_depth:
            return "depth"
        if self._deny is not None and request.depth and self._deny(request.url):
            return "pattern"
        if request.allow_offsite:
            return ""
        if (self._by_path or not self._verdicts.get(request.host)) and not self._belongs(request):
            return "offsite"
        return "pattern" if self._allow is not None and not self._allow(request.url) else ""

    def strays(self, request: Sealed) -> str:
        """See `acrawl.frontier.base.Gate.strays`."""
        if self._belongs(request):
            return ""
        instead = f"begin with {request.url} instead"
        if self._domains:
            return f"{instead}, or add its host to allowed_domains"
        if folded(request.host) in map(folded, self._hosts):
            return f"{instead}, or take it in by --scope host (scope.within)"
        if site_of(request.host) in map(site_of, self._hosts):
            return f"{instead}, or take it in by --scope domain (scope.within)"
        return instead

    def opens(self, host: str) -> bool:
        """See `acrawl.frontier.base.Gate.opens`."""
        return host in self._hosts

    def group(self, host: str) -> str:
        """See `acrawl.frontier.base.Gate.group`. Raises `SpiderError` when the user's function does."""
        try:
            return str(self._group_of(host) or "")
        except Exception as error:  # the user's code: it can be mended, and the crawl resumed
            raise SpiderError(f"politeness_key({host!r}) failed: {type(error).__name__}: {error}") from error

    def _belongs(self, request: Sealed) -> bool:
        verdict = self._verdicts.get(request.host)
        if verdict is None:
            if len(self._verdicts) > 100_000:
                self._verdicts.clear()
            verdict = self._verdicts[request.host] = self._includes(request.host)
        if verdict and self._by_path:
            tail = folded(request.host) + request.url[len(request.host) :]
            return any(tail.startswith(path) for path in self._paths)
        return verdict

    def _includes(self, host: str) -> bool:
        name = name_of(host)
        if self._domains:
            return any(name == domain or name.endswith("." + domain) for domain in self._domains)
        if self._within == "any":
            return True
        return (registrable_domain(name) if self._within == "domain" else folded(host)) in self._sites


def _searching(name: str, patterns: Sequence[str]) -> Callable[[str], object] | None:
    """What tells whether one of the patterns is found in a URL; None without patterns."""
    searches = []
    for pattern in patterns:
        try:
            searches.append(re.compile(pattern).search)
        except re.error as error:
            raise SettingsError(f"{name} = {pattern!r}: not a regular expression: {error}") from None
    return (lambda url: any(search(url) for search in searches)) if searches else None
