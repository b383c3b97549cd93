"""Whether SVG or MathML may be open, where the same bytes are other tags than in HTML.

In foreign content (HTML standard, 13.2.6.5) ``<style>`` hides nothing, ``<![CDATA[`` does, and a slash closes a tag. To
tell for sure what is open takes a parser, so there are two answers: whether it may be, and whether it surely is.
"""

from __future__ import annotations

import re

ROOTS = frozenset((b"svg", b"math"))
#: HTML may stand in these, which may close what is outside of them, or not.
_POINTS = frozenset(b"foreignobject desc title annotation-xml mi mo mn ms mtext".split())
#: Start tags that end all foreign content; so does ``font``, with some attributes.
BREAKOUTS = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    b"nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
#: End tags that do so.
_ENDS = frozenset((b"p", b"br"))
_END_OF_SCRIPT = re.compile(rb"<!--|-->|<(/?)script[\t\n\f\r />]", re.IGNORECASE)


class Foreign:
    """Follows the tags of a page. ``possible``: foreign content may be open; ``sure``: it is, and innermost."""

    def __init__(self) -> None:
        self.possible = False
        self.sure = False
        self._roots: list[tuple[bytes, bool]] = []
        self._point = b""
        self._confused = False
        self._ignores = False

    def confuse(self) -> None:
        """From here on, foreign content may be open anywhere."""
        self.possible = self._confused = True
        self.sure = False
        self._point = b""

    def ignore(self) -> None:
        """From here on, any tag may be ignored as well."""
        self._ignores = True
        self.confuse()

    def start(self, name: bytes, is_closed: bool, is_ignored: bool) -> None:
        """Note a start tag, whether a slash would close it, and whether it may stand where tags are ignored."""
        if self._point:
            self.confuse()
        if name in ROOTS:
            if not is_closed:
                self._roots.append((name, self.sure))
                self.possible = True
                self.sure = not (is_ignored or self._ignores)
        elif name in BREAKOUTS:
            self._break_out()
        elif name == b"font":
            self.sure = False
        elif name in _POINTS and not (is_closed and self.sure) and not self._confused:
            self._point = name

    def end(self, name: bytes, is_last: bool) -> None:
        """Note an end tag, and whether it is the one of the element opened last."""
        self.sure = self.sure and is_last
        if self._point:
            if name != self._point:
                self.confuse()
            self._point = b""
        elif name in _ENDS:
            self._break_out()
        elif self._confused:
            self.sure = self.sure and name not in ROOTS
        elif self._roots and name == self._roots[-1][0]:
            self.sure = self._roots.pop()[1] and self.sure
            self.possible = bool(self._roots)

    def _break_out(self) -> None:
        """All that is open is closed, unless HTML may stand in it."""
        self.sure = False
        if not self._confused:
            self._roots.clear()
            self.possible = False


def end_of_raw(markup: bytes, position: int, name: bytes) -> int:
    """Return where the end tag of an element without markup begins, or the end of the page."""
    found = re.compile(rb"</" + name + rb"[\t\n\f\r />]", re.IGNORECASE).search(markup, position)
    end = found.start() if found else len(markup)
    is_script = name == b"script" and markup.find(b"<!--", position, end) >= 0
    return _end_of_script(markup, position) if is_script else end


def _end_of_script(markup: bytes, position: int) -> int:
    """Scripts that stand in a script, within a comment, do not end it (13.2.5.20 to 32)."""
    in_comment = in_script = False
    while (found := _END_OF_SCRIPT.search(markup, position)) is not None:
        position = found.end()
        match found.group(1):
            case None:
                in_comment = found.group() == b"<!--"
                in_script = in_script and in_comment
                position -= 2 * in_comment  # its dashes may be those of its end
            case b"/" if not in_script:
                return found.start()
            case b"/":
                in_script = False
            case _:
                in_script = in_comment
    return len(markup)
