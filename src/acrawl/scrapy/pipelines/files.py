"""The pipeline that saves files."""

from __future__ import annotations

from typing import Any

from acrawl.scrapy.exceptions import NotSupported


class FilesPipeline:
    """Stands in ``ITEM_PIPELINES``: what ``file_urls`` names goes to the folder of ``--files``.

    The item goes on as it is: what was saved is told by items of their own, one for each file. It cannot be subclassed.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        raise NotSupported(
            f"a subclass of a media pipeline ({cls.__name__})", "give requests with save=True and save_as="
        )
