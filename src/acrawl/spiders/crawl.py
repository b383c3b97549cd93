"""A spider that is mostly rules: which links to follow, and which callback gets what lies behind them.

::

    class Books(CrawlSpider):
        name = "books"
        start_urls = ["https://books.example/"]
        rules = (
            Rule(LinkExtractor(restrict_css=".next")),
            Rule(LinkExtractor(restrict_css=".product_pod h3"), callback="parse_book"),
        )
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from acrawl.errors import SpiderError
from acrawl.linkextractor import LinkExtractor
from acrawl.parse.links import Link
from acrawl.request import Request
from acrawl.response import Failure, Response
from acrawl.settings import Settings
from acrawl.spider import Spider
from acrawl.worker.callbacks import produced

#: Bodies that have links to follow.
_HTML = frozenset({"", "text/html", "application/xhtml+xml"})

Named = Callable[..., Any] | str


class Rule(msgspec.Struct, frozen=True):
    """Which links are followed, and what is done with what they lead to.

    ``callback`` gets the pages, with ``cb_kwargs``; links of these pages are followed too with ``follow``, which is on
    where there is no callback. ``process_links(links)`` returns the links to take, ``process_request(request,
    response)`` a request or None, ``errback(failure)`` hears of what fails. All four are methods of the spider, by name
    or as they stand in the class, or other functions: rules stay in their process and only their number travels.
    """

    link_extractor: LinkExtractor = LinkExtractor()
    callback: Named | None = None
    cb_kwargs: dict[str, Any] = {}
    follow: bool | None = None
    process_links: Named | None = None
    process_request: Named | None = None
    errback: Named | None = None


class CrawlSpider(Spider):
    """Follows the links of its pages by ``rules``; the first rule that takes a link has it.

    The first pages go to `parse_start_url`. A callback by the name of `parse` is a callback like others.
    """

    rules: ClassVar[Sequence[Rule]] = ()

    @classmethod
    def made(cls, arguments: Mapping[str, str], settings: Settings) -> Self:
        """See `Spider.made`. Raises `SpiderError` for a rule that names what is not there."""
        spider = super().made(arguments, settings)
        spider.check_rules()
        return spider

    def check_rules(self) -> None:
        """Raise `SpiderError` for a rule that names what is not there."""
        self._compiled  # noqa: B018 - it looks everything up

    def parse_start_url(self, response: Response, **cb_kwargs: Any) -> Any:
        """Handle a first page; its links are followed in any case."""
        return None

    def process_results(self, response: Response, results: Iterable[Any]) -> Iterable[Any]:
        """Return what is to become of everything that one callback gave."""
        return results

    def find_callback(self, name: str | None) -> Callable[..., Any]:
        """See `Spider.find_callback`; ``rules[2]`` is what the rule with this number does with a page."""
        if name is None:
            return functools.partial(self._parsed, self.parse_start_url, True)
        if name.startswith("rules["):
            number = int(name[6:].partition("]")[0])
            if number < len(self._compiled):
                rule = self._compiled[number]
                if name.endswith(".errback") and rule.errback is not None:
                    return functools.partial(_told, rule.errback)
                return functools.partial(self._parsed, rule.callback, rule.follow)
        return super().find_callback(name)

    def request_for(self, number: int, link: Link, response: Response) -> Request:
        """Make the request for a link that the rule with this number has taken."""
        rule = self._compiled[number]
        errback = f"rules[{number}].errback" if rule.errback is not None else None
        return response.follow(link, f"rules[{number}]", errback=errback, cb_kwargs=rule.cb_kwargs)

    async def _parsed(
        self, callback: Callable[..., Any] | None, follow: bool, response: Response, **cb_kwargs: Any
    ) -> AsyncIterator[Any]:
        if callback is not None:
            made = produced(callback(response, **cb_kwargs))
            if type(self).process_results is CrawlSpider.process_results:
                async for one in made:
                    yield one
            else:
                for one in self.process_results(response, [one async for one in made]) or ():
                    yield one
        if follow:
            for request in self._followed(response):
                yield request

    def _followed(self, response: Response) -> Iterator[Request]:
        if response.content_type not in _HTML:
            return
        taken: set[str] = set()
        for number, rule in enumerate(self._compiled):
            links = [link for link in rule.link_extractor.extract_links(response) if link.url not in taken]
            if links and rule.process_links is not None:
                links = list(rule.process_links(links) or ())
            for link in links:
                taken.add(link.url)
                request: Request | None = self.request_for(number, link, response)
                if rule.process_request is not None:
                    request = rule.process_request(request, response)
                if request is not None:
                    yield request

    @functools.cached_property
    def _compiled(self) -> list[_Compiled]:
        """The rules with their names looked up, made once in each process."""
        if not isinstance(self.rules, Sequence) or not all(isinstance(rule, Rule) for rule in self.rules):
            raise SpiderError(f"{type(self).__name__}.rules: give a list of Rule(...)")
        return [_Compiled(self, rule, f"rules[{number}]") for number, rule in enumerate(self.rules)]


class _Compiled:
    """A rule of one spider: functions in the place of names."""

    def __init__(self, spider: CrawlSpider, rule: Rule, place: str) -> None:
        self.link_extractor = rule.link_extractor
        self.cb_kwargs = rule.cb_kwargs
        self.follow = rule.callback is None if rule.follow is None else rule.follow
        self.callback = _function(spider, rule.callback, f"{place}: callback")
        self.errback: Callable[[Failure], Any] | None = _function(spider, rule.errback, f"{place}: errback")
        self.process_links = _function(spider, rule.process_links, f"{place}: process_links")
        self.process_request = _with_response(_function(spider, rule.process_request, f"{place}: process_request"))


def _function(spider: CrawlSpider, named: Named | None, place: str) -> Callable[..., Any] | None:
    """Return what a rule names, bound to the spider where it is one of its methods. Raises `SpiderError`."""
    if named is None:
        return None
    if isinstance(named, str):
        found = getattr(spider, named, None)
        if not callable(found):
            raise SpiderError(f"{type(spider).__name__}.{place}={named!r}: the spider has no such method")
        return found  # type: ignore[no-any-return]
    if not callable(named):
        raise SpiderError(f"{type(spider).__name__}.{place}={named!r}: give a method, its name or a function")
    is_method = getattr(type(spider), getattr(named, "__name__", ""), None) is named
    return functools.partial(named, spider) if is_method else named


def _told(errback: Callable[[Failure], Any], failure: Failure, **_: Any) -> Any:
    """Call a rule's errback: the rule's ``cb_kwargs`` are for its callback."""
    return errback(failure)


def _with_response(process: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Let ``process_request(request)`` be called with a response as well."""
    if process is None:
        return None
    try:
        inspect.signature(process).bind(None, None)
    except (TypeError, ValueError):  # it takes the request only
        return lambda request, response: process(request)
    return process
