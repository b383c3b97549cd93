"""The demonstration: a bundled site, a master, three workers, and the proof that nothing is missing."""

from __future__ import annotations

import click


@click.command()
def demo() -> int:
    """Crawl a bundled gallery site with three workers, and prove that every image was found."""
    raise NotImplementedError
