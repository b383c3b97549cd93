"""Secrets that a setting names instead of holding them."""

from __future__ import annotations

import os
import pathlib

from acrawl.errors import SettingsError
from acrawl.settings.masks import MASK


def revealed(text: str, where: str) -> str:
    """Return ``text``, or what is behind it without its last line break: ``env:NAME`` a variable, ``file:PATH`` a file.

    Raises `SettingsError` saying ``where`` what is missing, and for a secret that was masked when it was shown.
    """
    kind, colon, name = text.partition(":")
    if text == MASK:
        raise SettingsError(f"{where}: {MASK} stands for a secret that was not shown; write the secret, or env:NAME")
    if not colon or kind not in {"env", "file"}:
        return text
    if kind == "env":
        if name not in os.environ:
            raise SettingsError(f"{where}: the environment has no variable {name!r}")
        return os.environ[name].rstrip("\r\n")
    try:
        return pathlib.Path(name).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where}: {name} cannot be read: {error}") from None
