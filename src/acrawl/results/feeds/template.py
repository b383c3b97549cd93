"""What stands in braces in the path of a feed, and becomes part of the name of a file."""

from __future__ import annotations

import difflib
import os
import re
import string
import time
from collections.abc import Iterator
from typing import NamedTuple

from acrawl.errors import UsageError

#: The fields, and what they become.
FIELDS = {"name": "the spider's name", "time": "when the crawl began, UTC", "batch": "1, 2, 3 ..."}
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


class Template(NamedTuple):
    """A path with everything filled in but the number of the batch, whose format is None where there is none."""

    before: str
    after: str = ""
    form: str | None = None

    def path(self, batch: int = 0) -> str:
        """The path of a file."""
        return self.before if self.form is None else f"{self.before}{batch:{self.form}}{self.after}"

    def behind(self, last: int) -> Iterator[str]:
        """The files there are of batches behind this one, in any order. Raises OSError."""
        folder, before = os.path.split(self.before)
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            number = name.removeprefix(before).removesuffix(self.after)
            if number.isdecimal() and int(number) > last and self.path(int(number)) == os.path.join(folder, name):
                yield os.path.join(folder, name)


def read(path: str, typed: str, name: str, began: float) -> Template:
    """Fill in a whole path; ``began`` is in seconds since the Unix epoch, ``typed`` what to call the path to people.

    Raises `UsageError` for a field that is not known, naming those that are, and for a batch that numbers no files.
    """
    values = {
        "name": _NOT_IN_NAMES.sub("_", name),
        "time": time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime(began)),
    }
    sides, form = [""], None
    for literal, field, how in _parts(path, typed):
        sides[-1] += literal
        if field == "batch":
            form = how
            sides.append("")
        elif field is not None:
            sides[-1] += values[field]
    if len(sides) > 2 or (form is not None and "/" in sides[1]):
        raise UsageError(f"-o {typed}: {{batch}} numbers files: write it once, and behind the last slash")
    return Template(sides[0], "".join(sides[1:]), form)


def _parts(path: str, typed: str) -> list[tuple[str, str | None, str]]:
    """What is between the fields, the fields, and how they are to be written."""
    try:
        parts = list(string.Formatter().parse(path))
    except ValueError:  # a brace without its other half
        raise UsageError(f"-o {typed}: a brace that is part of a name is written {{{{ or }}}}") from None
    for _, field, how, conversion in parts:
        if field is not None and field not in FIELDS:
            known = ", ".join(f"{{{name}}} ({meaning})" for name, meaning in FIELDS.items())
            near = difflib.get_close_matches(field, FIELDS, 1, 0.5)
            hint = f"; did you mean {{{near[0]}}}?" if near else ""
            raise UsageError(f"-o {typed}: there is no {{{field}}} to fill in, only {known}{hint}")
        if conversion or (how and (field != "batch" or not re.fullmatch("0?[1-9]d?", how))):
            raise UsageError(f"-o {typed}: write {{{field}}}{' or {batch:04}' if field == 'batch' else ''}")
    return [(literal, field, how or "") for literal, field, how, _ in parts]
