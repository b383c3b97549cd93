"""How elements are written as Markdown: the rules of the package markdownify, and ours where those fall short.

Its own rules leave text that means something in Markdown as it is (``<b>``, ``|`` in a table), close code blocks at the
first fence within them, and take time that grows with the square of a list's or a table's length.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

#: Cells that one cell stands for at most.
_WIDEST = 20
#: What would be markup in the middle of a text, and at the beginning of a line.
_SPECIAL = re.compile(r"[\\*`]|(?<![^\W_])_|_(?![^\W_])|<(?=[a-zA-Z/!?])|&(?=#?\w+;)|\](?=[(\[:])|~(?=~)")
_AT_START = re.compile(
    r"(\A|\n)([^\S\n]*+)(?:(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|={2,}\s*$|-{2,}\s*$)|(\d{1,9})([.)])(?=\s|$))", re.MULTILINE
)
_BLANKS = re.compile(r"\s+")
#: markdownify's time for a run of blanks grows with the square of its length.
_LONG_BLANK = re.compile(r"[\t \r\n]{20,}+")
_TICKS = re.compile(r"`+")
_LANGUAGE = re.compile(r"(?:language|lang|highlight|brush|sourceCode|src)[-:]\s?([\w+#.-]+)")
_NO_LANGUAGE = frozenset(("default", "none", "text", "plain", "plaintext", "highlight", "nohighlight", "source"))
_IN_CELL = frozenset(("td", "th"))
#: Where a text that comes first begins a line.
_BLOCKS = frozenset(("p", "div", "li", "dd", "dt", "section", "article", "main", "blockquote", "body", "figure"))


def written(markup: str) -> str:
    """Return well-formed HTML of a bounded depth as Markdown."""
    soup = BeautifulSoup(markup, "lxml", element_classes={Tag: _Tag}, multi_valued_attributes=None)
    for table in soup.find_all("table"):
        # A table of pages' parts, as sites of old are laid out: one line a row would be no use to anybody.
        if table.get("role") == "presentation" or table.find(["table", "h1", "h2", "h3"]) is not None:
            _unravel(table)
    for text in soup.find_all(string=_LONG_BLANK):
        if text.find_parent("pre") is None:
            text.replace_with(_LONG_BLANK.sub(_shortened, text))
    lines = str(_Rules(heading_style="atx", bullets="-").convert_soup(soup))
    soup.decompose()  # else it would wait for the garbage collector, and many large ones would
    return _tidied(lines)


class _Tag(Tag):
    """A tag that finds its ancestors fast: markdownify looks for one from each."""

    def find_parent(self, name: Any = None, attrs: Any = None, **kwargs: Any) -> Any:
        if not isinstance(name, str) or attrs or kwargs:
            return super().find_parent(name, attrs, **kwargs)
        parent = self.parent
        while parent is not None and parent.name != name:
            parent = parent.parent
        return parent


def _tidied(text: str) -> str:
    """Leave one empty line where there are several, but not within code."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("```") and (not fence or bare == fence):
            fence = "" if fence else bare[: len(bare) - len(bare.lstrip("`"))]
        if bare or fence or (kept and kept[-1]):
            kept.append(line if bare else "")
    return "\n".join(kept).strip()


def _shortened(blanks: re.Match[str]) -> str:
    return "\n" if "\n" in blanks[0] or "\r" in blanks[0] else " "


def _unravel(table: Tag) -> None:
    for part in [table, *table.find_all(["tr", "td", "th", "tbody", "thead", "tfoot"])]:
        if part is table or part.find_parent("table") is table or part.find_parent("table") is None:
            part.name = "div"


def _language(pre: Tag) -> str:
    """The language of a code block, by the classes of it, of the ``code`` in it and of what is around it."""
    code = pre.find("code", recursive=False)
    places = [pre, code, pre.parent, pre.parent.parent if pre.parent is not None else None]
    for place in places:
        found = _LANGUAGE.search(str(place.get("class") or "")) if isinstance(place, Tag) else None
        if found is not None and found[1].lower() not in _NO_LANGUAGE:
            return {"python3": "python", "ipython3": "python"}.get(found[1].lower(), found[1].lower())
    return ""


class _Rules(MarkdownConverter):
    """See the module. A method for each element; ``parent_tags`` are the names of all elements around it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._counted: dict[int, int] = {}
        self._headed: set[int] = set()
        self._begins = False

    def process_text(self, el: Any, parent_tags: Set[str] | None = None) -> str:
        before = el.previous_sibling
        self._begins = (
            el.parent.name in _BLOCKS if before is None else getattr(before, "name", None) in _BLOCKS | {"br"}
        )
        text: str = super().process_text(el, parent_tags)  # type: ignore[misc]  # not in its stubs
        return text

    def escape(self, text: str, parent_tags: Set[str]) -> str:
        text = _SPECIAL.sub(r"\\\g<0>", text)
        text = _AT_START.sub(self._at_start, text)
        return text.replace("|", r"\|") if parent_tags & _IN_CELL else text

    def _at_start(self, found: re.Match[str]) -> str:
        if not (found[1] or self._begins):
            return found[0]
        before = f"{found[1]}{found[2]}"
        return f"{before}\\{found[3]}" if found[3] else f"{before}{found[4]}\\{found[5]}"

    def convert_a(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        label = _BLANKS.sub(" ", text)
        stripped = label.strip().lstrip("#").lstrip()
        href = el.get("href")
        if not stripped or not href or "_noformat" in parent_tags:
            return text if not href or "_noformat" in parent_tags else ""
        before, after = " " * label.startswith(" "), " " * label.endswith(" ")
        return f"{before}[{stripped}]({_destination(str(href))}){after}"

    def convert_img(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        src = str(el.get("src") or "")
        alt = _BLANKS.sub(" ", str(el.get("alt") or "")).strip()
        alt = re.sub(r"[\[\]\\|]", r"\\\g<0>", alt)
        return f"![{alt}]({_destination(src)})" if src else alt

    def convert_video(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        source = el if el.get("src") else el.find("source", src=True)
        src = str(source.get("src") or "") if isinstance(source, Tag) else ""
        label = _BLANKS.sub(" ", text).strip()
        if not src or "_noformat" in parent_tags:
            return text
        poster = str(el.get("poster") or "")
        return (
            f"[![{label}]({_destination(poster)})]({_destination(src)})"
            if poster
            else f"[{label}]({_destination(src)})"
        )

    def convert_pre(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        text = text.strip("\n").rstrip()
        if not text:
            return ""
        ticks = max(map(len, _TICKS.findall(text)), default=0)
        if "_inline" in parent_tags:  # a cell or a heading is one line
            fence = "`" * (ticks + 1)
            return f" {fence} {_BLANKS.sub(' ', text).replace('|', chr(92) + '|')} {fence} "
        fence = "`" * max(3, ticks + 1)
        return f"\n\n{fence}{_language(el)}\n{text}\n{fence}\n\n"

    def convert_code(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        folded = text if "pre" in parent_tags else _BLANKS.sub(" ", text)
        span: str = super().convert_code(el, folded, parent_tags)  # type: ignore[misc]  # not in its stubs
        return span.replace("|", r"\|") if parent_tags & _IN_CELL and "pre" not in parent_tags else span

    convert_kbd = convert_code
    convert_samp = convert_code
    convert_tt = convert_code

    def convert_li(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        text = text.strip()
        if not text:
            return "\n"
        bullet = "- "
        if el.parent is not None and el.parent.name == "ol":
            key = id(el.parent)
            if key not in self._counted:
                start = str(el.parent.get("start") or "1")
                self._counted[key] = int(start) - 1 if start.isascii() and start.isdecimal() and len(start) < 10 else 0
            self._counted[key] += 1
            bullet = f"{self._counted[key]}. "
        indent = " " * len(bullet)
        return f"{bullet}{re.sub(r'(?m)^(?=.)', indent, text)[len(bullet) :]}\n"

    def convert_td(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        if parent_tags & _IN_CELL:
            return f" {text.strip()} "
        return f" {_BLANKS.sub(' ', text).strip()} |" + " |" * (_width(el) - 1)

    convert_th = convert_td

    def convert_tr(self, el: Tag, text: str, parent_tags: Set[str]) -> str:
        if parent_tags & _IN_CELL or "table" not in parent_tags:
            return f" {text.strip()} "
        table = id(el.find_parent("table"))
        if table in self._headed:
            return f"|{text}\n"
        self._headed.add(table)
        cells = el.find_all(["td", "th"], recursive=False)
        columns = sum(map(_width, cells))
        rule = "|" + " --- |" * columns
        if (el.parent is not None and el.parent.name == "thead") or all(cell.name == "th" for cell in cells):
            return f"|{text}\n{rule}\n"
        return f"|{'  |' * columns}\n{rule}\n|{text}\n"


def _width(cell: Tag) -> int:
    told = str(cell.get("colspan") or "1")
    return max(1, min(int(told), _WIDEST)) if told.isascii() and told.isdecimal() and len(told) < 6 else 1


def _destination(url: str) -> str:
    """A URL between parentheses: ours are free of blanks, those that we do not know may not be."""
    return "".join(f"%{ord(char):02X}" if char in "() <>\t\r\n\\" else char for char in url)
