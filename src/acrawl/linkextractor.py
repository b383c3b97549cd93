"""Which links of a page are wanted: Scrapy's `LinkExtractor`, on the page as it is parsed already.

::

    books = LinkExtractor(allow=r"/catalogue/", deny=r"/category/", restrict_css=".product_pod h3")
    for link in books.extract_links(response):
        ...

An argument that takes several values takes a single one, too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable

import msgspec

from acrawl.errors import UsageError
from acrawl.parse.document import Document
from acrawl.parse.links import Link, chosen
from acrawl.parse.selectors import Selector
from acrawl.response import Response
from acrawl.url import host_of, name_of

Regex = str | re.Pattern[str]
Several = str | Iterable[str]

#: What is not followed unless ``deny_extensions`` says otherwise: the end of a path tells that it is no page.
IGNORED_EXTENSIONS = (
    *("7z", "7zip", "bz2", "rar", "tar", "tar.gz", "xz", "zip"),  # archives
    *("ai", "bmp", "cdr", "drw", "dxf", "eps", "gif", "ico", "jpeg", "jpg", "mng", "pct", "png", "ps", "psp", "pst"),
    *("svg", "tif", "tiff", "webp"),  # images, with the line above
    *("aac", "aiff", "au", "m4a", "mid", "mp3", "ogg", "ra", "wav", "wma"),  # audio
    *("3gp", "asf", "asx", "avi", "flv", "m4v", "mov", "mp4", "mpg", "qt", "rm", "swf", "webm", "wmv"),  # video
    *("doc", "docb", "docm", "docx", "dotm", "dotx", "odg", "odp", "ods", "odt", "potm", "potx", "pps", "ppt"),
    *("pptm", "pptx", "xls", "xlsm", "xlsx", "xltm", "xltx"),  # office, with the line above
    *("apk", "bat", "bin", "cpl", "css", "dmg", "exe", "hta", "iso", "jar", "js", "msi", "msp", "pdf", "py", "rb"),
    *("rss", "sh"),  # programs and others, with the line above
)


class LinkExtractor:
    """Extracts the links of a page that its arguments let through.

    ``allow`` and ``deny`` are searched in the absolute URL, its fragment included, ``restrict_text`` in the text: one
    match of several is enough, and deny wins. ``allow_domains`` and ``deny_domains`` include what is below a domain,
    ``deny_extensions`` are the ends of paths. Links are looked for below what ``restrict_xpaths`` and ``restrict_css``
    select, in ``attrs`` of ``tags`` (``*``: of all), but not of ``deny_tags`` and ``deny_attrs``. ``process_value``
    gets each value as an absolute URL, and returns what to take in its place or None. ``canonicalize`` brings URLs into
    w3lib's form for comparisons, ``unique`` takes each URL once, and ``strip`` removes white space around values.
    Raises `UsageError` naming the argument for a malformed expression.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - Scrapy's arguments, in its order
        self,
        allow: Regex | Iterable[Regex] = (),
        deny: Regex | Iterable[Regex] = (),
        allow_domains: Several = (),
        deny_domains: Several = (),
        restrict_xpaths: Several = (),
        tags: Several = ("a", "area"),
        attrs: Several = ("href",),
        canonicalize: bool = False,
        unique: bool = True,
        process_value: Callable[[str], str | None] | None = None,
        deny_extensions: Several | None = None,
        restrict_css: Several = (),
        strip: bool = True,
        restrict_text: Regex | Iterable[Regex] | None = None,
        deny_tags: Several = (),
        deny_attrs: Several = (),
    ) -> None:
        self._allow = _patterns("allow", allow)
        self._deny = _patterns("deny", deny)
        self._text = _patterns("restrict_text", restrict_text)
        self._allow_domains = _lowered(allow_domains)
        self._deny_domains = _lowered(deny_domains)
        extensions = IGNORED_EXTENSIONS if deny_extensions is None else _several(deny_extensions)
        self._extensions = tuple("." + name.lower().lstrip(".") for name in extensions)
        self._regions = [("xpath", query) for query in _several(restrict_xpaths)]
        self._regions += [("css", query) for query in _several(restrict_css)]
        self._tags = _several(tags) or ("a", "area")
        self._attrs = _several(attrs) or ("href",)
        #: What was found in a page is found for all extractors that look in the same places.
        self._place = f"chosen: {self._tags} {self._attrs} {self._regions}"
        self._deny_tags = frozenset(_several(deny_tags))
        self._deny_attrs = frozenset(_several(deny_attrs))
        self._canonicalize = canonicalize
        self._unique = unique
        self._process_value = process_value
        self._strip = strip

    def extract_links(self, response: Response) -> list[Link]:
        """Return the wanted links in document order. Raises ValueError for a malformed restriction."""
        wanted = (self.made(link) for link in map(self._taken, self._found(response)) if link is not None)
        if not self._unique:
            return list(wanted)
        found: dict[str, Link] = {}
        for link in wanted:
            found.setdefault(link.url, link)
        return list(found.values())

    def matches(self, url: str) -> bool:
        """Whether a URL passes what is asked of URLs: domains, ``allow`` and ``deny``. Extensions are not looked at."""
        if self._allow_domains or self._deny_domains:
            name = name_of(host_of(url))
            if self._allow_domains and not _belongs(name, self._allow_domains):
                return False
            if _belongs(name, self._deny_domains):
                return False
        if self._allow and not any(pattern.search(url) for pattern in self._allow):
            return False
        return not any(pattern.search(url) for pattern in self._deny)

    def made(self, link: Link) -> Link:
        """Return a link in the form `extract_links` gives; for subclasses."""
        return link

    def _found(self, response: Response) -> Iterable[Link]:
        """All links of the places that are looked in."""
        document = response.document
        if self._process_value is not None:
            process = functools.partial(self._processed, self._process_value, document)
            return chosen(document, self._tags, self._attrs, within=self._within(response), process=process)
        if self._place not in document.memo:
            document.memo[self._place] = list(chosen(document, self._tags, self._attrs, within=self._within(response)))
        return document.memo[self._place]  # type: ignore[no-any-return]

    def _within(self, response: Response) -> list[Selector] | None:
        if not self._regions:
            return None
        selected = [found for language, query in self._regions for found in getattr(response, language)(query)]
        return [found for found in selected if found.node is not None or not isinstance(found.root, str)]

    def _processed(self, process: Callable[[str], str | None], document: Document, value: str) -> str | None:
        value = value.strip(" \t\n\r\f") if self._strip else value
        return process(document.join(value) or value) or None

    def _taken(self, link: Link) -> Link | None:
        """A link as it is taken, None for one that is not wanted."""
        if link.tag in self._deny_tags or link.attr in self._deny_attrs or not self._wants(link.url, link.fragment):
            return None
        if self._text and not any(pattern.search(link.text) for pattern in self._text):
            return None
        if not self._canonicalize:
            return link
        from w3lib.url import canonicalize_url

        return msgspec.structs.replace(link, url=canonicalize_url(link.url))

    def _wants(self, url: str, fragment: str) -> bool:
        if self._extensions and url.partition("?")[0].lower().endswith(self._extensions):
            return False
        return self.matches(f"{url}#{fragment}" if fragment else url)


def _several(values: Several | None) -> tuple[str, ...]:
    return () if values is None else (values,) if isinstance(values, str) else tuple(values)


def _lowered(domains: Several) -> tuple[str, ...]:
    return tuple(domain.lower().strip(".") for domain in _several(domains))


def _patterns(argument: str, given: Regex | Iterable[Regex] | None) -> list[re.Pattern[str]]:
    expressions = () if given is None else (given,) if isinstance(given, str | re.Pattern) else tuple(given)
    patterns = []
    for expression in expressions:
        try:
            patterns.append(re.compile(expression))
        except (re.error, TypeError) as error:
            raise UsageError(f"LinkExtractor({argument}={expression!r}): no regular expression: {error}") from None
    return patterns


def _belongs(name: str, domains: tuple[str, ...]) -> bool:
    return any(name == domain or name.endswith("." + domain) for domain in domains)
