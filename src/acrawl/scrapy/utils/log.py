"""Helpers for logging."""

from __future__ import annotations

from typing import Any


def configure_logging(settings: Any = None, install_root_handler: bool = True) -> None:
    """Nothing to do: the command and `CrawlerProcess` do it, as the settings ``log.level`` and ``log.file`` say."""
