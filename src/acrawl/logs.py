"""Log records go to one place, in one form, and only the command line asks for that."""

from __future__ import annotations

import logging
import sys

from acrawl.errors import FolderProblem
from acrawl.settings import Log

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure(settings: Log, *, quiet: bool = False, spider_only: bool = False) -> None:
    """Send acrawl's records to the file of the settings, else to standard error. Raises `FolderProblem`.

    ``quiet`` keeps what is no warning off a terminal that shows a live view; with ``spider_only`` the lines of spiders
    are let through all the same.
    """
    level = logging.getLevelName(settings.level)
    if settings.file:
        try:
            handler: logging.Handler = logging.FileHandler(settings.file, encoding="utf-8")
        except OSError as error:
            raise FolderProblem(f"log.file = {settings.file}: {error.strerror}") from None
    else:
        handler = logging.StreamHandler(sys.stderr)
        if quiet or spider_only:
            level = max(level, logging.WARNING)
    handler.setFormatter(logging.Formatter(FORMAT, "%H:%M:%S"))
    root = logging.getLogger("acrawl")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    of_spiders = logging.getLogger("acrawl.spider")
    of_spiders.setLevel(settings.level if spider_only and not quiet else logging.NOTSET)
