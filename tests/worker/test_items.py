"""Items as they leave the worker: checked against their classes, and what is wrong is named by its path."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import logging
import uuid
from typing import Annotated, Any, Optional, Union

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl.worker.invalid import InvalidItem
from acrawl.worker.items import as_item, is_item, refused

UTC = datetime.UTC


def travelled(made: Any) -> Any:
    item = as_item(made)
    assert item.kind == "item"
    return msgspec.msgpack.decode(item.body)


def complaint(made: Any) -> str:
    with pytest.raises(InvalidItem) as caught:
        as_item(made)
    return str(caught.value)


@dataclasses.dataclass
class Price:
    amount: decimal.Decimal
    currency: str


@dataclasses.dataclass
class Product:
    name: str
    prices: list[Price] = dataclasses.field(default_factory=list)
    stock: int = None  # type: ignore[assignment]  # as many write it
    by_size: dict[str, Price] = dataclasses.field(default_factory=dict)
    like_it: list[Product] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    n: int


@attrs.define
class Attributed:
    n: int
    others: list[Attributed] = attrs.field(factory=list)
    _private: object = None


class Structured(msgspec.Struct, rename="camel", omit_defaults=True, tag="s"):
    full_name: str
    n: Annotated[int, msgspec.Meta(ge=0)] = 0
    price: Price | None = None


EURO = Price(decimal.Decimal("1.50"), "EUR")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        (collections.ChainMap({"a": 1}), {"a": 1}),
        (Frozen(1), {"n": 1}),
        (Attributed(1, [Attributed(2)]), {"n": 1, "others": [{"n": 2, "others": []}]}),
        (Structured("x"), {"type": "s", "fullName": "x"}),
        (
            Product("x", [EURO]),
            {
                "name": "x",
                "prices": [{"amount": "1.50", "currency": "EUR"}],
                "stock": None,
                "by_size": {},
                "like_it": [],
            },
        ),
    ],
)
def test_items_of_every_kind_travel_as_their_fields(made, expected):
    assert is_item(made)
    assert travelled(made) == expected


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Product(5), "Product.name: expected `str`, got `int` (5)"),
        (Product("x", [EURO, Price(1, 5)]), "Product.prices[1].currency: expected `str`, got `int` (5)"),
        (Product("x", [], "many"), "Product.stock: expected `int | null`, got `str` ('many')"),
        (
            Product("x", by_size={"M": EURO, "S": Price(1, 5)}),
            "Product.by_size.S.currency: expected `str`, got `int` (5)",
        ),
        (Product("x", by_size={5: EURO}), "Product.by_size: expected `str`, got `int` for a key"),
        (Product("x", like_it=[Product(None)]), "Product.like_it[0].name: expected `str`, got `None` (None)"),
        (Frozen("x"), "Frozen.n: expected `int`, got `str` ('x')"),
        (Attributed(1, [Attributed("x")]), "Attributed.others[0].n: expected `int`, got `str` ('x')"),
        (Structured(5), "Structured.fullName: expected `str`, got `int` (5)"),
        (Structured("x", -1), "Structured.n: expected `int` >= 0 (-1)"),
        (Structured("x", price=Price(1, 5)), "Structured.price.currency: expected `str`, got `int` (5)"),
    ],
)
def test_what_is_not_as_its_class_says_is_named_with_its_path_what_was_expected_and_what_was_there(made, told):
    assert complaint(made) == told


class Odd:
    def __repr__(self):
        raise RuntimeError("not even this")


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"a": [1, {"b": 1 << 64}]}, "dict.a[1].b: 18446744073709551616 cannot travel: can't serialize ints"),
        ({"a b": "\ud800"}, r"dict['a b']: '\ud800' cannot travel: 'utf-8' codec can't encode"),
        ({"a": {"\ud800": 1}}, r"dict.a (the key '\ud800'): '\ud800' cannot travel"),
        ({"a": LOOP}, "dict.a: it contains itself, or is nested too deep"),
        ({"a": (1, {Odd})}, "dict.a[1][0]: <class 'worker.test_items.Odd'> cannot travel"),
        (Product("x", [Odd()]), "Product.prices[0]: <Odd instance at"),
        (Product("x", [Price(1, Odd())]), "Product.prices[0].currency: <Odd instance at"),
        (Attributed(1, [Attributed(1 << 64)]), "Attributed.others[0].n: 18446744073709551616 cannot travel"),
        (Structured("x", price=Price(Odd(), "")), "Structured.price.amount: <Odd instance at"),
    ],
)
def test_what_cannot_travel_is_named_by_its_path(made, told):
    assert complaint(made).startswith(told)


def test_what_is_warned_of_once_is_the_class_and_its_topmost_field():
    for made, about in [
        (Product("x", [EURO, Price(1, 5)]), "Product.prices"),
        ({"a b": [Odd()]}, "dict['a b']"),
        ({"a": [Odd()]}, "dict.a"),
    ]:
        with pytest.raises(InvalidItem) as caught:
            as_item(made)
        assert caught.value.about == about


class Text(str):  # noqa: SLOT000
    """As parsers have it; made text again, it is still no plain one."""

    def __str__(self):
        return self


class Color(enum.Enum):
    RED = "red"


def test_values_become_what_the_page_about_items_says():
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    made = {
        "decimal": decimal.Decimal("1.10"),
        "aware": at,
        "naive": at.replace(tzinfo=None),
        "date": at.date(),
        "uuid": uuid.UUID(int=1),
        "enum": Color.RED,
        "bytes": b"\0\xff",
        "set": {1},
        "text": Text("x"),
        "nan": float("inf"),
    }
    assert travelled(made) == {
        "decimal": "1.10",
        "aware": at,
        "naive": "2026-01-02T03:04:05",
        "date": "2026-01-02",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "enum": "red",
        "bytes": b"\0\xff",
        "set": [1],
        "text": "x",
        "nan": float("inf"),
    }


@dataclasses.dataclass
class Cleaned:
    """As tutorials have it: made of a text that is not kept, and changed by its own code."""

    price_text: dataclasses.InitVar[str]
    isbn: Text
    price: float = dataclasses.field(init=False)

    def __post_init__(self, price_text):
        self.price = float(price_text.lstrip("$"))


def test_the_code_of_a_class_does_not_run_again():
    assert travelled(Cleaned("$5", Text("x"))) == {"isbn": "x", "price": 5.0}
    assert complaint(Cleaned("$5", 7)) == "Cleaned.isbn: expected `str`, got `int` (7)"
    bare = Cleaned("$5", Text("x"))
    del bare.price
    assert complaint(bare) == "Cleaned.price: it is missing"


@dataclasses.dataclass
class Strange:
    either: Union[str, bytes]  # noqa: UP007 - msgspec cannot take it
    other: Optional[Text]  # noqa: UP045
    n: int


def test_a_field_that_cannot_be_checked_passes_after_one_warning_and_the_others_are_checked(caplog):
    assert travelled(Strange(b"x", None, 1))["either"] == b"x"
    assert complaint(Strange("x", Text("y"), "1")) == "Strange.n: expected `int`, got `str` ('1')"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "any value passes in Strange.either" in record.getMessage()


@dataclasses.dataclass
class Unreadable:
    n: NowhereToBeFound  # noqa: F821


def test_a_class_whose_annotations_cannot_be_read_passes_after_one_warning(caplog):
    assert [travelled(Unreadable(n)) for n in (1, "x")] == [{"n": 1}, {"n": "x"}]
    (record,) = caplog.records
    assert "class Unreadable are not checked: its annotations cannot be read" in record.getMessage()


@pytest.mark.parametrize("made", ["text", 5, Product, object()])
def test_what_is_no_item_is_a_mistake_of_the_callback(made):
    with pytest.raises(TypeError, match="a callback gave"):
        as_item(made)


def test_a_refused_item_is_kept_as_far_as_it_can_travel():
    for made, kept in [
        ({"a": 1, "b": Odd()}, {"a": 1, "b": "<Odd instance at"}),
        ({"a": "\ud800"}, "{'a': '\\ud800'}"),
        ({"a": "x" * 300_000}, "{'a': 'xxx"),
    ]:
        _, _, _, body = msgspec.msgpack.decode(refused(made, "dict.a", "reason").body)
        found = msgspec.msgpack.decode(body)
        if isinstance(kept, dict):
            assert found["a"] == 1
            assert found["b"].startswith(kept["b"])
        else:
            assert found.startswith(kept)
            assert len(found) < 1000


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), PLAIN, max_size=4))
def test_a_plain_item_arrives_as_it_was(item):
    assert travelled(item) == item


@settings(max_examples=40, deadline=None)
@given(st.lists(PLAIN, max_size=4), st.integers(0, 4), st.booleans())
def test_one_bad_value_is_found_wherever_it_is(values, place, deep):
    bad = [*values[:place], {"x": [Odd()]} if deep else Odd(), *values[place:]]
    told = complaint({"all": bad})
    assert told.startswith(f"dict.all[{min(place, len(values))}]{'.x[0]' if deep else ''}: <Odd instance")


@dataclasses.dataclass
class Ten:
    number: int
    text: str
    fraction: float
    many: list[int]
    table: dict[str, float]
    maybe: str | None


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        Ten,
        number=st.integers(-(1 << 63), (1 << 63) - 1),
        text=st.text(),
        fraction=st.floats(allow_nan=False) | st.integers(-1000, 1000),
        many=st.lists(st.integers(0, 9)),
        table=st.dictionaries(st.text(), st.floats(allow_nan=False)),
        maybe=st.none() | st.text(),
    ),
    st.sampled_from(["number", "text", "fraction", "many", "table", "maybe"]),
)
def test_a_dataclass_passes_exactly_when_each_field_is_as_annotated(item, field):
    assert travelled(item) == dataclasses.asdict(item)
    setattr(item, field, b"wrong")
    assert complaint(item).startswith(f"Ten.{field}: expected ")
