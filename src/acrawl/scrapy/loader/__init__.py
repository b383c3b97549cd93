"""Item loaders, by the library ``itemloaders`` that Scrapy uses, too."""

from __future__ import annotations

from collections.abc import KeysView
from types import MappingProxyType
from typing import Any

from acrawl.errors import MissingExtra
from acrawl.scrapy.item import Item
from acrawl.scrapy.selector import Selector

try:
    import itemloaders
    from itemadapter import ItemAdapter
    from itemadapter.adapter import DictAdapter
except ImportError:
    raise MissingExtra("item loaders need a library: pip install 'acrawl[scrapy]'") from None


class _ItemAdapter(DictAdapter):
    """Tells the libraries which fields an `Item` declares, and what is known about them."""

    @classmethod
    def is_item_class(cls, item_class: type) -> bool:
        return issubclass(item_class, Item)

    @classmethod
    def is_item(cls, item: Any) -> bool:
        return isinstance(item, Item)

    @classmethod
    def get_field_meta_from_class(cls, item_class: type[Item], field_name: str) -> MappingProxyType[str, Any]:
        return MappingProxyType(item_class.fields.get(field_name, {}))

    @classmethod
    def get_field_names_from_class(cls, item_class: type[Item]) -> list[str]:
        return list(item_class.fields)

    def field_names(self) -> KeysView[str]:
        return self.item.fields.keys()  # type: ignore[no-any-return]

    def get_field_meta(self, field_name: str) -> MappingProxyType[str, Any]:
        return self.get_field_meta_from_class(type(self.item), field_name)


ItemAdapter.ADAPTER_CLASSES = [_ItemAdapter, *ItemAdapter.ADAPTER_CLASSES]


class ItemLoader(itemloaders.ItemLoader):
    """Fills an item field by field, from the selector of a response."""

    default_item_class = Item
    default_selector_class = Selector

    def __init__(
        self, item: Any = None, selector: Any = None, response: Any = None, parent: Any = None, **context: Any
    ) -> None:
        if selector is None and response is not None:
            selector = response.selector
        super().__init__(item=item, selector=selector, parent=parent, response=response, **context)
