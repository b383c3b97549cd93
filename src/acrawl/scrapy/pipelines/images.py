"""The pipeline that saves images."""

from __future__ import annotations

from typing import Any

from acrawl.scrapy.exceptions import NotSupported


class ImagesPipeline:
    """Stands in ``ITEM_PIPELINES``: what ``image_urls`` names goes to the folder of ``--files``, as it came.

    The item goes on as it is: what was saved is told by items of their own, one for each file. It cannot be subclassed.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        raise NotSupported(
            f"a subclass of a media pipeline ({cls.__name__})", "give requests with save='image/' and save_as="
        )
