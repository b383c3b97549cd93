"""Values as people read them, and texts from strangers made harmless for HTML."""

from __future__ import annotations

import datetime
import html
import unicodedata

#: Characters of a URL that a page shows; its link has all of them.
SHOWN = 110
_MOST_TITLE, _MOST_DETAIL = 2000, 300


def esc(text: str) -> str:
    """Text for HTML, also between quotes: what would reorder, hide or break what is around it is replaced."""
    if text.isascii() and text.isprintable():
        return html.escape(text)
    return html.escape("".join("\ufffd" if _is_harmful(char) else char for char in text))


def _is_harmful(char: str) -> bool:
    if char in "\n\t":
        return False
    category = unicodedata.category(char)
    # Cf has the marks of direction and what has no width; without joiners some scripts are written wrongly.
    return category in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") or (category == "Cf" and char not in "\u200c\u200d")


def middle(text: str, most: int = SHOWN) -> str:
    """A text with its middle left out where it is long: both its ends tell most."""
    if len(text) <= most:
        return text
    ahead = most * 2 // 3
    return f"{text[:ahead]}…{text[ahead - most + 1 :]}"


def open_(url: str) -> str:
    """A URL without the user and the password that may stand before its host."""
    scheme, slashes, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{place.rpartition('@')[2]}{slash}{path}"


def link(url: str, most: int = SHOWN) -> str:
    """A URL for people to follow where it is one of the web, else as mere text; without its password."""
    url = open_(url)
    scheme, slashes, _ = url.partition("://")
    text = f"<bdi>{esc(middle(url, most))}</bdi>"
    if scheme not in ("http", "https") or not slashes:
        return text
    title = f' title="{esc(url[:_MOST_TITLE])}"' if len(url) > most else ""
    return f'<a href="{esc(url)}" rel="noopener noreferrer nofollow"{title}>{text}</a>'


def told(detail: str) -> str:
    """A detail of the ledger on one line; of a traceback what it ends with."""
    return esc(middle(detail.strip().rpartition("\n")[2], _MOST_DETAIL))


def number(value: float) -> str:
    """A count, or a number of which three digits matter."""
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def size(value: float) -> str:
    """Bytes with the unit that suits them (1 kB is 1000 B)."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def seconds(value: float | None) -> str:
    """A duration, exact enough to compare it with others."""
    if value is None:
        return "\u2013"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s" if value < 120 else span(value)


def span(value: float) -> str:
    """A long duration in its two largest units."""
    if value < 120:
        return f"{value:.1f} s"
    whole = round(value)
    for unit, small, length, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= length:
            return f"{whole // length} {unit} {whole % length // part} {small}"
    return f"{whole} s"


def share(part: float, whole: float) -> str:
    """A part of a whole in percent."""
    if not whole:
        return "\u2013"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent >= 0.1 or not percent else "< 0.1 %"


def moment(at: float, *, zone: bool = False) -> str:
    """A Unix time by the clock of this machine."""
    when = datetime.datetime.fromtimestamp(at).astimezone()
    return when.strftime("%Y-%m-%d %H:%M:%S") + (f" UTC{when.strftime('%z')[:3]}:{when.strftime('%z')[3:]}" * zone)


def clock(at: float, width: float, length: float) -> str:
    """A Unix time on an axis with bins of so many seconds, over so many seconds in all."""
    when = datetime.datetime.fromtimestamp(at).astimezone()
    if width >= 86400:
        return when.strftime("%Y-%m-%d")
    if length > 86400:
        return when.strftime("%m-%d %H:%M")
    return when.strftime("%H:%M:%S") if width < 60 else when.strftime("%H:%M")
