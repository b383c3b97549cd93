"""Tests of `acrawl.frontier`."""

import pathlib

import pytest

for _part in pathlib.Path(__file__).parents[1].glob("contracts/*.py"):
    pytest.register_assert_rewrite(f"contracts.{_part.stem}")  # so that a broken promise is shown with its values
