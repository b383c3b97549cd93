"""The elements of one name in an XML document that is too long for memory, and the rows of such a table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from acrawl.parse.markup import LONGEST
from acrawl.parse.selectors import Selector
from acrawl.parse.streams import Source, Texts

#: Bytes of a document that are read, unpacked.
MAX_BYTES = 512 << 20
_DECLARED = re.compile(r"\s(xmlns(?::[\w.-]+)?)\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
#: The group that has the name of an element; the others have the end of what hides one.
_ELEMENT = 3
#: An ``&`` that begins no reference, where it is markup.
_BARE = re.compile(r"<!\[CDATA\[.*?\]\]>|(&)(?!(?:#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z][\w.-]*);)", re.DOTALL)


def nodes(source: Source, tag: str, namespaces: Mapping[str, str], content_type: str = "") -> Iterator[Selector]:
    """Yield the elements called ``tag``, with any prefix; none of them is within another.

    ``namespaces`` are prefixes for queries, beside those that the document declares before the first element. What is
    broken in one element does not touch the others; one of more than 1 Mi characters is passed over. Raises OSError
    (a file), and ValueError for a tag that is no name.
    """
    name = tag.rpartition(":")[2]
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f"{tag!r} is no name of an element")
    name = re.escape(name)
    start = re.compile(rf"<!--(.*?-->)?|<!\[CDATA\[(.*?\]\]>)?|<(?:[\w.-]+:)?({name})(?=[\s/>])", re.DOTALL)
    whole = re.compile(rf"<((?:[\w.-]+:)?{name})(?:\s[^<>]*?)?(?:/>|>.*?</\1\s*>)", re.DOTALL)
    buffer, declarations, prefixes = "", None, {}
    for piece in Texts(source, content_type, MAX_BYTES):
        buffer += piece
        position = 0
        while (begin := start.search(buffer, position)) is not None:
            position = begin.start()
            if begin.lastindex != _ELEMENT:
                if begin.lastindex is None:  # it may go on
                    break
                position = begin.end()
                continue
            if declarations is None:
                declarations = _declared(buffer, position)
                prefixes = {name[6:]: uri for name, uri in declarations.items() if name != "xmlns"} | dict(namespaces)
            found = whole.match(buffer, position)
            if found is None:  # it may go on
                break
            markup = _completed(found[0], len(found[1]) + 1, declarations)
            yield Selector(markup, "xml", namespaces=prefixes)
            position = found.end()
        else:
            # Of what has no element in it only the declarations matter, and perhaps the beginning of a tag.
            position = max(position, buffer.rfind("<")) if declarations is not None else position
        buffer = buffer[position:] if len(buffer) - position <= LONGEST else ""


def rows(
    source: Source, content_type: str = "", *, delimiter: str = ",", quotechar: str = '"', headers: Sequence[str] = ()
) -> Iterator[dict[str, str] | str]:
    """Yield the rows of a table (RFC 4180) by ``headers``, by default those in its first row.

    A row with another number of columns is passed over, and so is all after a field that is too long: a text that says
    so comes in its place. Raises OSError (a file), and TypeError for a delimiter of more than one character.
    """
    reader = csv.reader(_lines(Texts(source, content_type, MAX_BYTES)), delimiter=delimiter, quotechar=quotechar)
    names = list(headers)
    try:
        for row in reader:
            if not names:
                names = [name.strip() for name in row]
            elif len(row) == len(names):
                yield dict(zip(names, row, strict=True))
            elif row:
                yield f"line {reader.line_num} has {len(row)} columns, and {len(names)} have a name"
    except csv.Error as error:  # what came before stands
        yield f"line {reader.line_num}: {error}; the rest is left out"


def _declared(markup: str, end: int) -> dict[str, str]:
    return {name: double or single for name, double, single in _DECLARED.findall(markup, 0, end)}


def _completed(markup: str, after_name: int, declarations: Mapping[str, str]) -> str:
    """An element that stands by itself: with the namespaces that were declared around it, and every ``&`` escaped."""
    own = _declared(markup, markup.find(">"))
    added = "".join(f' {name}="{uri}"' for name, uri in declarations.items() if name not in own and '"' not in uri)
    markup = f"{markup[:after_name]}{added}{markup[after_name:]}"
    return _BARE.sub(lambda found: "&amp;" if found[1] else found[0], markup) if "&" in markup else markup


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + newlines.decode(piece)).split("\n")
        for line in lines:
            yield line + "\n"
    if rest := rest + newlines.decode("", final=True):
        yield rest
