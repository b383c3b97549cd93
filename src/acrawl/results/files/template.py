"""What users want saved files to be called: text with fields in braces, as in ``{host}/{stem}-{width}x{height}{ext}``.

``{sha256:8}`` are the first eight characters of a text, ``{n:06}`` is a number of at least six digits. Values come from
servers and pages, so all of what is filled in goes through `acrawl.results.files.names.confined`.
"""

from __future__ import annotations

import difflib
import re
import string
import time
import unicodedata
from collections.abc import Callable
from typing import Final

from acrawl.errors import SettingsError
from acrawl.outcome import FileFact
from acrawl.results.files.names import confined, name_for, parts_of, portable, split_extension

#: The fields of text, and those of numbers; docs/files.md says what they become.
TEXTS = ("host", "path", "folder", "name", "stem", "ext", "sha256", "type", "date", "spider")
NUMBERS = ("width", "height", "size", "n")
DEFAULT: Final = "{host}/{path}"
#: Stands for a field while what is between the fields is judged.
_FIELD = "x"


class NameTemplate:
    """Makes the names of saved files. Pure.

    ``began`` is when the crawl did, in seconds since the Unix epoch. Raises `SettingsError` for a field that is not
    known, naming the nearest one, and for text between the fields that is no part of a name everywhere.
    """

    def __init__(self, text: str, *, spider: str = "", began: float = 0.0) -> None:
        self._typed = text
        self._pieces = self._parsed(unicodedata.normalize("NFC", text))
        self._check()
        self._adds_extension = not self._has_extension()
        self._spider = spider
        self._date = time.strftime("%Y-%m-%d", time.gmtime(began))
        fields = {field for _, field, _ in self._pieces}
        #: Whether names have the number of the file, or the day, in them.
        self.numbers, self.dated = "n" in fields, "date" in fields
        self._by_url = text == DEFAULT

    def name(self, fact: FileFact, n: int) -> str:
        """Return the name of the ``n``-th file, with ``/`` between its parts; another file's may be the same."""
        if self._by_url and not fact.save_as:
            return name_for(fact.url, fact.type, fact.name)
        above, last = parts_of(fact.url, fact.type, fact.name)
        stem, extension = split_extension(last)
        if fact.save_as:
            return _chosen(fact.save_as, last, extension)
        host, slash, folder = above.partition("/")
        values: dict[str, str | int] = {
            "host": host,
            "path": f"{folder}{slash}{last}",
            "folder": folder,
            "name": last,
            "stem": stem,
            "ext": extension,
            "sha256": fact.sha256,
            "type": fact.type.partition("/")[0] or "unknown",
            "date": self._date,
            "spider": self._spider,
            "width": fact.width,
            "height": fact.height,
            "size": fact.size,
            "n": n,
        }
        text = "".join(literal + write(values[field]) if field else literal for literal, field, write in self._pieces)
        if self._adds_extension and not text.lower().endswith(extension.lower()):
            text += extension
        return confined(text)

    def _parsed(self, text: str) -> list[tuple[str, str, Callable[[str | int], str]]]:
        """What is between the fields, the field behind it (empty at the end), and what writes its value."""
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError:  # a brace without its other half
            raise self._refused("a brace that is part of a name is written {{ or }}") from None
        pieces: list[tuple[str, str, Callable[[str | int], str]]] = []
        for literal, field, form, conversion in parts:
            if field is None:
                pieces.append((literal, "", str))
                continue
            if field not in TEXTS and field not in NUMBERS:
                near = difflib.get_close_matches(field, (*TEXTS, *NUMBERS), 1, 0.5)
                hint = f"; did you mean {{{near[0]}}}?" if near else ""
                known = " ".join(f"{{{name}}}" for name in (*TEXTS, *NUMBERS))
                raise self._refused(f"there is no {{{field}}} to fill in, only {known}{hint}")
            if conversion or (form and not re.fullmatch(r"\d{1,3}" if field in TEXTS else r"0[1-9]\d?", form)):
                how = f"{{{field}:8}} for its first 8 characters" if field in TEXTS else f"{{{field}:06}} for 6 digits"
                raise self._refused(f"write {{{field}}}, or {how}")
            pieces.append((literal, field, _cut(int(form)) if form and field in TEXTS else _written(form or "")))
        return pieces

    def _check(self) -> None:
        """Refuse what could not stand as it is typed."""
        text = "".join(literal + (_FIELD if field else "") for literal, field, _ in self._pieces)
        for part in text.split("/"):
            if part.startswith("."):
                raise self._refused("no part of a name begins with a dot: such files are hidden, or acrawl's own")
            if not part:
                raise self._refused("write a name below the folder of the files, without a / at either end")
            if portable(part) != part:
                shown = next((sign for sign in part if portable(f"a{sign}b") != f"a{sign}b"), part)
                raise self._refused(f"{shown!r} cannot stand there in the name of a file on every system")

    def _has_extension(self) -> bool:
        """Whether the last part says what it is, by the field or in so many words."""
        named = False
        for literal, field, _ in self._pieces:
            named = field == "ext" or (named and "/" not in literal)
        literal, field, _ = self._pieces[-1]
        return named or (not field and _has_extension(_FIELD + literal))

    def _refused(self, why: str) -> SettingsError:
        return SettingsError(f"files.name = {self._typed!r}: {why}")


def _cut(length: int) -> Callable[[str | int], str]:
    return lambda value: str(value)[:length]


def _written(form: str) -> Callable[[str | int], str]:
    return lambda value: format(value, form)


def _chosen(text: str, last: str, extension: str) -> str:
    """The name that a spider chose: in a folder where it ends in a slash, with an extension where it has none."""
    if text.endswith("/"):
        text += last
    elif not _has_extension(text):
        text += extension
    return confined(text)


def _has_extension(text: str) -> bool:
    """Whether a name says what the file is; ``report 1.2`` does not."""
    return any(map(str.isalpha, split_extension(text.rpartition("/")[2])[1]))


#: As files are called by default.
BY_URL = NameTemplate(DEFAULT)
