"""Models of pydantic: what has been set since they were made is checked, and what travels is plain."""

from __future__ import annotations

import decimal
import pathlib

import msgspec
import pydantic
import pytest

from acrawl.worker.invalid import InvalidItem, complaint_of
from acrawl.worker.items import as_item


class Offer(pydantic.BaseModel):
    currency: str
    url: pydantic.HttpUrl | None = None


class Product(pydantic.BaseModel):
    """As people write them: aliases, code that runs once, defaults that are not as annotated."""

    name: str = pydantic.Field(alias="Name")
    price: decimal.Decimal = pydantic.Field(gt=0)
    offers: list[Offer] = []
    raw: pydantic.Json[list[int]] = "[1]"
    stock: int = None

    @pydantic.field_validator("price", mode="before")
    @classmethod
    def without_sign(cls, value):
        return decimal.Decimal(value.lstrip("$"))


class Limited(pydantic.BaseModel):
    n: int = pydantic.Field(gt=0)
    within: dict[str, Offer] = {}
    name: str = ""

    @pydantic.field_validator("name")
    @classmethod
    def starts(cls, value):
        if value and not value.startswith("!"):
            raise ValueError("no !")
        return value[1:]


def travelled(made):
    return msgspec.msgpack.decode(as_item(made).body)


def complaint(made):
    with pytest.raises(InvalidItem) as caught:
        as_item(made)
    return str(caught.value)


def test_a_model_travels_as_its_plain_values_though_its_validators_can_run_only_once():
    made = Product(Name="x", price="$5", offers=[{"currency": "EUR", "url": "https://e.org/a"}], raw="[2]")
    assert travelled(made) == {
        "name": "x",
        "price": "5",
        "offers": [{"currency": "EUR", "url": "https://e.org/a"}],
        "raw": [2],
        "stock": None,
    }
    assert travelled(Limited(n=1, name="!!a")) == {"n": 1, "within": {}, "name": "!a"}
    assert travelled(Limited(n=1, name="!a")) == {"n": 1, "within": {}, "name": "a"}


def test_what_was_set_since_is_checked_by_type_and_by_constraint():
    made = Limited(n=1, within={"a": Offer(currency="EUR")})
    made.n = -1
    assert complaint(made) == "Limited.n: Input should be greater than 0 (got -1)"
    made.n = "1"
    assert complaint(made) == "Limited.n: Input should be a valid integer (got '1')"
    made.n = 1
    made.within["a"].currency = 5
    assert complaint(made) == "Limited.within['a'].currency: Input should be a valid string (got 5)"


def test_a_model_within_another_item_is_a_part_of_it():
    offer = Offer(currency="EUR")
    assert travelled({"offer": offer})["offer"] == {"currency": "EUR", "url": None}
    offer.currency = 5
    assert complaint({"offer": [offer]}) == "dict.offer[0].currency: Input should be a valid string (got 5)"


def test_what_a_model_holds_and_cannot_travel_is_named_by_its_path():
    class Loose(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        any: dict[str, object]
        path: pathlib.Path = pathlib.Path("a/b")

    assert travelled(Loose(any={})) == {"any": {}, "path": "a/b"}
    assert complaint(Loose(any={"x": object()})).startswith("Loose.any.x: <object object")


def test_a_validation_error_is_told_with_class_field_and_the_line_that_made_the_item():
    with pytest.raises(pydantic.ValidationError) as caught:
        Limited(n=0, name="x", within={"a": {}})
    found = complaint_of(caught.value)
    assert found.about == "Limited.n"
    assert found.text.startswith(
        "Limited.n: Input should be greater than 0 (got 0); also wrong: within.a.currency, name"
    )
    assert "test_models.py:" in found.text


def test_a_validation_error_of_msgspec_is_one_and_any_other_is_not():
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"a": 1}, dict[str, str])
    assert "Expected `str`, got `int` - at `$[...]`" in complaint_of(caught.value).text
    assert complaint_of(ValueError("x")) is None
