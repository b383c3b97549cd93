"""A page as Markdown: all of it, or its main content without what surrounds that on every page of a site.

What belongs to the page is chosen here, on a copy of the tree; `acrawl.parse.markdown_rules` writes it down. The work
is bounded: what is nested too deep becomes text, and a page that is beyond all measure becomes text as a whole.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from acrawl.errors import MissingExtra
from acrawl.parse.document import Document
from acrawl.url import Joiner

#: Elements below each other, and lists, quotations and definitions below each other, that are kept as such.
MAX_DEPTH = 100
MAX_NESTED = 20
#: Elements and characters of a page that is converted at all: some four seconds of work at the most.
MAX_ELEMENTS = 100_000
MAX_SIZE = 4 << 20
#: Tags and bytes of a page that is copied to look what of it is to be converted.
_MAX_TAGS = 2 * MAX_ELEMENTS
_MAX_BYTES = 2 * MAX_SIZE

_INDENTED = frozenset(("ul", "ol", "dd", "blockquote"))
#: What nobody reads.
_NEVER = (
    "script,style,template,noframes,object,embed,svg,math annotation,iframe,[hidden],"
    "select,textarea,input,button,dialog,"
    "a.headerlink,a.anchor,a.anchorjs-link,a.heading-anchor,a.header-anchor,a.hash-link,a.permalink,a.skip-link"
)
#: What has no form in Markdown. Without it a page of highlighted code is half as large.
_PLAIN = [
    "span",
    "font",
    "abbr",
    "acronym",
    "bdi",
    "bdo",
    "big",
    "small",
    "u",
    "ins",
    "mark",
    "nobr",
    "wbr",
    "label",
    "time",
]
#: The main content, as authors mark it and as the usual tools name it; the first that has a text is taken.
_LANDMARKS = (
    "main,[role=main]",
    "article",
    "#mw-content-text,#main-content,#maincontent,#content,#main,.main-content,.post-content,.entry-content",
)
#: What stands around the main content, and within it on many sites.
_AROUND = (
    "nav,aside,[role=navigation],[role=search],[role=complementary],[role=contentinfo],[role=banner],"
    ".nav,.navbar,.navheader,.navfooter,.navigation,.sidebar,.sphinxsidebar,.related,.breadcrumb,.breadcrumbs,"
    ".headerlink,.toc-backref,.mw-editsection,.edit-link,.pagination,.cookie-banner,.cookie-consent"
)
_EDGES = "body>header,body>footer,body>div>header,body>div>footer,.footer,.site-header,.site-footer,#header,#footer"


def check() -> None:
    """Raise `MissingExtra` where the packages for Markdown are not installed."""
    try:
        import acrawl.parse.markdown_rules  # noqa: F401
    except ImportError:
        raise MissingExtra("Markdown needs a package: pip install 'acrawl[markdown]'") from None


def markdown(document: Document, *, main: bool = False) -> str:
    """Return the page as Markdown (CommonMark with GitHub's tables and with definition lists), without a final newline.

    Links and images are absolute, code stands in fences with its language where the page tells it. With ``main`` only
    the main content: the element that the author marked as such, without navigation; a page without such a mark loses
    what is named as navigation, header or footer. A page of more than `MAX_ELEMENTS` or `MAX_SIZE` becomes plain text,
    and is not even copied if it has twice as much.
    Takes about a microsecond a byte. Raises `MissingExtra`, and nothing for any page.
    """
    check()
    from acrawl.parse.markdown_rules import written

    whole = document.root
    if len(whole.raw_html) > _MAX_BYTES or whole.raw_html.count(b"<") > _MAX_TAGS:
        return _skimmed(whole, main)
    tree = whole.clone()
    top = tree.body
    if top is None:
        return ""
    _remove(top, _NEVER)
    if main:
        top = _main(tree, top)
    top.unwrap_tags(_PLAIN)
    if not _flattened(top):
        return _plain(top.text(separator="\n"))
    _make_absolute(top, document.joiner)
    markup = top.html or ""
    return _plain(top.text(separator="\n")) if len(markup) > MAX_SIZE else written(markup)


def _main(tree: LexborHTMLParser, body: LexborNode) -> LexborNode:
    """The main content; all of the page where nothing would be left of it."""
    for marked in _marked(tree):
        _remove(marked, _AROUND)
        if marked.text(strip=True):
            return marked
    before = body.html or ""
    _remove(body, f"{_AROUND},{_EDGES}")
    if body.text(strip=True):
        return body
    return LexborHTMLParser(before).body or body


def _marked(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    """What may be marked as the main content, the best first."""
    for landmark in _LANDMARKS:
        found = tree.css(landmark)
        if len(found) == 1 or (found and landmark == _LANDMARKS[0]):
            yield found[0]


def _skimmed(tree: LexborHTMLParser, main: bool) -> str:
    """The text of a page that is too large to be copied. What a copy would lose is passed over."""
    body = tree.body
    if body is None:
        return ""
    if not main:
        return _read(body, _NEVER)
    found = (_read(marked, f"{_NEVER},{_AROUND}") for marked in _marked(tree))
    return next(filter(None, found), "") or _read(body, f"{_NEVER},{_AROUND},{_EDGES}")


def _read(top: LexborNode, without: str) -> str:
    passed = {node.mem_id for node in top.css(without)}
    texts: list[str] = []
    size = 0
    stack = [top]
    while stack and size < MAX_SIZE:
        node = stack.pop()
        if node.is_text_node:
            texts.append(node.text_content or "")
            size += len(texts[-1])
        elif node is top or node.mem_id not in passed:
            stack.extend(reversed(list(node.iter(include_text=True))))
    return _plain("\n".join(texts))


def _remove(top: LexborNode, query: str) -> None:
    """Remove what is selected below an element. Removing frees: what lies in another one must not be touched again."""
    selected = {node.mem_id for node in top.css(query)}
    outermost: list[LexborNode] = []
    stack = [top] if selected else []
    while stack:
        for child in stack.pop().iter():
            (outermost if child.mem_id in selected else stack).append(child)
    for node in outermost:
        node.decompose()


def _flattened(top: LexborNode) -> bool:
    """Make text of what lies too deep; says whether there are few enough elements to go on with."""
    deep: list[LexborNode] = []
    count = 0
    stack = [(top, 0, 0)]
    while stack:
        node, depth, nested = stack.pop()
        for child in node.iter():
            count += 1
            within = nested + (child.tag in _INDENTED)
            if depth >= MAX_DEPTH or within > MAX_NESTED:
                deep.append(child)
            else:
                stack.append((child, depth + 1, within))
        if count > MAX_ELEMENTS:
            return False
    for node in deep:
        node.replace_with(node.text(separator=" "))
    return True


def _make_absolute(top: LexborNode, join: Joiner) -> None:
    for node in top.css("a[href],area[href]"):
        reference = node.attributes.get("href") or ""
        url = join(reference)
        if url is not None:
            _, mark, fragment = reference.partition("#")
            node.attrs["href"] = f"{url}{mark}{fragment.strip()}"
        elif not reference.strip().lower().startswith(("mailto:", "tel:")):
            del node.attrs["href"]
    for node in top.css("video,source"):
        for name in {"src", "poster"} & node.attributes.keys():
            url = join(node.attributes[name] or "")
            if url is None:
                del node.attrs[name]
            else:
                node.attrs[name] = url
    for node in top.css("img"):
        attributes = node.attributes
        references = (attributes.get("src"), attributes.get("data-src"), attributes.get("data-original"))
        url = next((url for reference in references if reference and (url := join(reference)) is not None), None)
        node.attrs["src"] = url or ""


def _plain(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return html.escape("\n".join(filter(None, lines))[:MAX_SIZE], quote=False)
