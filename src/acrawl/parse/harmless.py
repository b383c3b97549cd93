"""Whether markup is surely harmless to a parser, told by few passes at C's speed; `bounds` walks through all other.

Each figure is one that a parser cannot exceed, whatever is hidden in comments, scripts, quotes or foreign content: what
looks like a start tag and is none counts as one, and an end is believed only where nothing stands before it that could
undo it.
"""

from __future__ import annotations

import re

#: Larger pages may hold more names than are harmless.
_LARGEST = 512 * 1024
#: Bytes that cannot hold so many attributes that comparing them all with each other takes more than two seconds; those
#: of one tag.
_ATTRIBUTES = 128 * 1024
_ONE_TAG = 30_000
#: Tags among which neither formatting elements nor depth matter, and among which depth does not.
_FEW_TAGS = 2500
_FLAT_TAGS = 8000
#: Formatting elements that may be opened again.
_REOPENED = 1_000_000
#: Blocks in which a ``>`` is looked for are not smaller.
_SMALLEST = 256

#: Names of formatting elements, and a few that nobody uses. Every case is spelled out: with IGNORECASE the search for
#: the literal "<" would be given up. The first letter is taken before anything else is tried.
_NAME = (
    r"[bcefinstuBCEFINSTU](?:[iI][gG]|[oO](?:[dD][eE]|[nN][tT]|[bB][rR])|[mM](?:[aA][lL][lL])?"
    r"|[tT](?:[rR](?:[iI][kK][eE]|[oO][nN][gG]))?|)"
)
#: Attributes that cannot hide the end of their tag, and that end.
_PLAIN = r'(?:\s+[\w:-]+="[^"<>]*+")*+\s*+>'
_INLINE = r"(?:span|a|b|code|em|font|i|small|strong|tt|u)"
_INNER = rf"<({_INLINE}){_PLAIN}[^<>]*+</\3>"
_OUTER = rf"<({_INLINE}){_PLAIN}[^<>]*+(?:{_INNER}[^<>]*+)*+</\2>"
#: A formatting element with attributes (of equal ones without, three are opened again at the most) that is not surely
#: closed: by its own end tag, with text and such elements before it. Each is the last that is open when it ends.
_UNCLOSED = re.compile(rf"<({_NAME})(?=[\s/])(?!{_PLAIN}[^<>]*+(?:{_OUTER}[^<>]*+)*+</\1>)".encode())
_CLOSED = re.compile(rf"<({_INLINE}){_PLAIN}[^<>]*+</\1>".encode())
_LONG_TAG = re.compile(rb"<[a-zA-Z][^<>]{%d}" % _ONE_TAG)
#: Up to the first ``>`` in it: the value of an attribute, and all that looks so.
_VALUE_WITH_END = re.compile(rb"=\s*+(?:\"[^\">]*+>|'[^'>]*+>)")


def is_harmless(markup: bytes, tags: int) -> bool:
    """Whether markup with so many ``<`` has surely neither depth, attributes, options, names nor formatting to fear."""
    size = len(markup)
    return (
        size <= _LARGEST
        and (_has_no_long_tag(markup) if size <= _ATTRIBUTES else _has_few_attributes(markup))
        and (tags <= _FEW_TAGS or len(_UNCLOSED.findall(markup)) <= _REOPENED // tags)
        and (tags <= _FLAT_TAGS or _is_flat(markup, tags))
    )


def _has_no_long_tag(markup: bytes) -> bool:
    """Whether no tag is so long as `_ONE_TAG`, values with ``<`` or ``>`` aside."""
    return _has_each(b"<", markup, _ONE_TAG // 2) or _LONG_TAG.search(markup) is None


def _has_few_attributes(markup: bytes) -> bool:
    """Whether no tag can be so long that comparing all attributes takes longer than in `_ATTRIBUTES` bytes.

    A tag goes on after a ``>`` only where that stands in a value, so it has one stretch of attributes more than it has
    such values; all tags of ``html`` and ``body`` give theirs to one element. A stretch is shorter than two blocks if
    there is a ``>`` in each.
    """
    lowered = markup.lower()
    stretches = len(_VALUE_WITH_END.findall(markup)) + max(1, lowered.count(b"<html") + lowered.count(b"<body"))
    block = min(_ATTRIBUTES**2 // len(markup), _ONE_TAG) // stretches // 2
    return block >= _SMALLEST and _has_each(b">", markup, block)


def _has_each(what: bytes, markup: bytes, block: int) -> bool:
    """Whether it is in each block of the markup."""
    return all(markup.find(what, start, start + block) >= 0 for start in range(0, len(markup) - block + 1, block))


def _is_flat(markup: bytes, tags: int) -> bool:
    """Whether elements cannot be so deep that looking through all that are open takes long, nor options so many."""
    most = _FLAT_TAGS**2 // tags
    opened = tags - markup.count(b"</")
    return opened <= most or opened - len(_CLOSED.findall(markup)) <= most
