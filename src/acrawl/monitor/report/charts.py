"""Charts of stacked columns as SVG: drawn once, here; each has a title, a text and a table that say the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from acrawl.monitor.report.texts import esc

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 1000, 64, 10, 12, 30
#: The widest column, the room for a pause, and what a letter of a label takes.
_WIDEST, _PAUSE, _LETTER = 120, 22, 6.6
#: Lines across, at most.
_LINES = 4


class Stack(NamedTuple):
    """One column: what stands below it, what it says when pointed at, and its parts (CSS class, value).

    ``pause`` says that something lies between it and the one before.
    """

    label: str
    title: str
    parts: Sequence[tuple[str, float]]
    pause: str = ""


class Chart(NamedTuple):
    """Columns side by side. ``name`` is unique in the page; ``unit`` writes a value on the axis."""

    name: str
    title: str
    description: str
    unit: Callable[[float], str]
    stacks: Sequence[Stack]
    height: int = 220


def columns(chart: Chart) -> str:
    """Draw a chart."""
    highest = max((sum(value for _, value in stack.parts) for stack in chart.stacks), default=0.0)
    step = _step(highest)
    top = max(step * math.ceil(highest / step - 1e-9), step)
    floor = chart.height - _BOTTOM
    scale = (floor - _TOP) / top
    pauses = sum(bool(stack.pause) for stack in chart.stacks)
    room = _WIDTH - _LEFT - _RIGHT - pauses * _PAUSE
    slot = min(_WIDEST, room / max(1, len(chart.stacks)))
    parts = [_grid(top, step, scale, floor, chart.unit)]
    every = _every(chart.stacks, slot)
    x = float(_LEFT)
    for n, stack in enumerate(chart.stacks):
        if stack.pause:
            parts.append(_pause(x, floor, stack.pause))
            x += _PAUSE
        ends = x + slot / 2 + len(stack.label) * _LETTER / 2
        label = stack.label if n % every == 0 and ends <= _WIDTH else ""
        parts.append(_column(stack, x, slot, floor, scale, label))
        x += slot
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {_WIDTH} {chart.height}" '
        f'aria-labelledby="{chart.name}-t {chart.name}-d">'
        f'<title id="{chart.name}-t">{esc(chart.title)}</title>'
        f'<desc id="{chart.name}-d">{esc(chart.description)}</desc>'
        f'{"".join(parts)}<line class="axis" x1="{_LEFT}" y1="{floor}" x2="{_WIDTH - _RIGHT}" y2="{floor}"/></svg>'
    )


def _step(highest: float) -> float:
    """A round distance of the lines across."""
    if highest <= 0:
        return 1.0
    rough = highest / _LINES
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * digit for digit in (1, 2, 2.5, 5, 10) if power * digit >= rough * 0.999)


def _grid(top: float, step: float, scale: float, floor: float, unit: Callable[[float], str]) -> str:
    lines = []
    for n in range(round(top / step) + 1):
        y = floor - n * step * scale
        lines.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        lines.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{esc(unit(n * step))}</text>'
        )
    return "".join(lines)


def _every(stacks: Sequence[Stack], slot: float) -> int:
    """So that labels do not touch: how many columns share one."""
    longest = max((len(stack.label) for stack in stacks), default=0)
    return max(1, math.ceil((longest * _LETTER + 14) / slot)) if slot else 1


def _pause(x: float, floor: float, text: str) -> str:
    middle, high = x + _PAUSE / 2, (floor + _TOP) / 2
    return (
        f'<g class="pause"><title>{esc(text)}</title>'
        f'<rect x="{x + 2:.1f}" y="{_TOP}" width="{_PAUSE - 4}" height="{floor - _TOP:.1f}"/>'
        f'<text x="{middle + 4:.1f}" y="{high:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 {middle + 4:.1f} {high:.1f})">{esc(text)}</text></g>'
    )


def _column(stack: Stack, x: float, slot: float, floor: float, scale: float, label: str) -> str:
    width = max(slot * 0.84, min(slot, 1.0))
    left, y, drawn = x + (slot - width) / 2, floor, []
    for css, value in stack.parts:
        height = value * scale
        if height > 0:
            y -= height
            drawn.append(f'<rect class="{css}" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
    # The whole height can be pointed at, not only what is drawn.
    over = f'<rect class="over" x="{x:.1f}" y="{_TOP}" width="{slot:.1f}" height="{floor - _TOP:.1f}"/>'
    text = f'<text class="tick" x="{x + slot / 2:.1f}" y="{floor + 19:.1f}" text-anchor="middle">{esc(label)}</text>'
    return f'<g class="column"><title>{esc(stack.title)}</title>{"".join(drawn)}{over}</g>{text if label else ""}'


def figure(chart: Chart, caption: str, table: str, legend: str = "") -> str:
    """A chart with its caption, and its numbers as a table to open."""
    return (
        f'<figure>{legend}<div class="scroll" tabindex="0" role="region" aria-label="{esc(chart.title)}">'
        f"{columns(chart)}</div><figcaption>{esc(caption)}</figcaption>"
        f"<details><summary>The numbers as a table</summary>{table}</details></figure>\n"
    )


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """What the colours of a chart mean: (CSS class, text)."""
    items = "".join(
        f'<li><svg viewBox="0 0 12 12" aria-hidden="true"><rect class="{css}" width="12" height="12"/></svg>'
        f"{esc(text)}</li>"
        for css, text in entries
    )
    return f'<ul class="legend">{items}</ul>'
