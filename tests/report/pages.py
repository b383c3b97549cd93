"""What a page of a report holds, read by a parser that forgives nothing."""

from __future__ import annotations

import html.parser

VOID = {"meta", "link", "img", "br", "input", "hr"}
#: SVG's shapes, which close themselves.
SHAPES = {"rect", "line", "path", "circle"}


class Page(html.parser.HTMLParser):
    """Elements with their attributes, texts, and the figures by name. Fails on what is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.figures: dict[str, str] = {}
        self.values: dict[str, float] = {}
        self._open: list[str] = []
        self._figure = ""
        self.feed(text)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f"<{tag}> has an attribute twice: {attrs}"
        self.elements.append((tag, attributes))
        self._figure = attributes.get("data-figure") or ""
        if "data-value" in attributes:
            self.values[self._figure] = float(attributes["data-value"] or 0)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES, f"<{tag}/>"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1:] == [tag], f"</{tag}> within {self._open}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self._open and "script" not in self._open:
            self.text += data
        if self._figure:
            self.figures[self._figure] = data
            self._figure = ""
