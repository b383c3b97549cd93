"""Tables with numbers flush right, units, and bars in their cells; sortable where a script runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from acrawl.monitor.report.texts import esc, number, seconds, share, size


class Cell(NamedTuple):
    """What stands in a cell (HTML), and by what it is sorted; a text sorts by itself where ``key`` is None."""

    html: str
    key: float | None = None


class Column(NamedTuple):
    """The head of a column; ``kind`` is ``text``, ``label`` (never broken), ``number`` (flush right) or ``bar``."""

    name: str
    kind: str = "number"


def text(value: str) -> Cell:
    """A cell of plain text."""
    return Cell(esc(value))


def count(value: int) -> Cell:
    """A cell with a count."""
    return Cell(f"{value:,}", value)


def plain(value: float) -> Cell:
    """A cell with a number that is no count."""
    return Cell(number(value), value)


def bytes_(value: int) -> Cell:
    """A cell with a size."""
    return Cell(size(value), value)


def took(value: float | None) -> Cell:
    """A cell with a duration; without one it sorts as the shortest."""
    return Cell(seconds(value), -1 if value is None else value)


def part(value: float, whole: float) -> Cell:
    """A cell with a share."""
    return Cell(share(value, whole), value)


def bar(parts: Iterable[tuple[str, float]], whole: float) -> Cell:
    """A bar of coloured parts (class, value), as long as they are of the whole; the numbers stand beside it."""
    drawn, x = [], 0.0
    for css, value in parts:
        width = 100 * value / whole if whole else 0.0
        if width:
            drawn.append(f'<rect class="{css}" x="{x:.2f}" width="{max(width, 0.4):.2f}" height="10"/>')
        x += width
    svg = f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{"".join(drawn)}</svg>'
    return Cell(svg, x)


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, sortable: bool = True) -> str:
    """The table, in a frame of its own that scrolls where it is too wide; its caption is also the frame's name."""
    head = "".join(f'<th scope="col" class="{column.kind}">{esc(column.name)}</th>' for column in columns)
    lines = []
    for row in rows:
        cells = (
            f'<td class="{column.kind}"' + (f' data-v="{cell.key:.6g}"' if cell.key is not None else "")
            + f">{cell.html}</td>"
            for column, cell in zip(columns, row, strict=True)
        )  # fmt: skip
        lines.append(f"<tr>{''.join(cells)}</tr>")
    kind = ' class="sortable"' if sortable and len(lines) > 1 else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(caption)}"><table{kind}>'
        f"<caption>{esc(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>\n"
    )
