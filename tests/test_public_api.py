"""What users import: complete, documented, and light."""

from __future__ import annotations

import ast
import inspect
import pathlib
import subprocess
import sys

import pytest

import acrawl
from acrawl.version import VERSION

NAMES = [
    "CSVFeedSpider",
    "CloseSpider",
    "CrawlSpider",
    "DropItem",
    "Failure",
    "FetchError",
    "FormRequest",
    "IgnoreRequest",
    "JsonRequest",
    "LinkExtractor",
    "Request",
    "Response",
    "Rule",
    "Selector",
    "Settings",
    "SitemapSpider",
    "Spider",
    "XMLFeedSpider",
]
FOR_TYPES = {"annotations", "TYPE_CHECKING", "Any"}
#: What only one room each may load, and only when it is used.
HEAVY = ["aiohttp", "parsel", "lxml", "cryptography", "rich", "click", "sqlite3", "multiprocessing", "uvloop"]


def test_all_is_sorted_and_complete():
    assert acrawl.__all__ == sorted(acrawl.__all__)
    assert set(acrawl.__all__) == {*NAMES, "__version__"}


def test_every_name_in_all_exists_and_nothing_else_is_public():
    for name in acrawl.__all__:
        getattr(acrawl, name)
    tree = ast.parse(pathlib.Path(acrawl.__file__).read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name for name in imported if not name.startswith("_")} - FOR_TYPES <= set(acrawl.__all__)


def test_a_name_that_it_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Spyder'"):
        _ = acrawl.Spyder


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_and_its_public_methods_have_a_docstring(name):
    thing = getattr(acrawl, name)
    assert inspect.getdoc(thing)
    for attribute, member in vars(thing).items():
        if not attribute.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            assert inspect.getdoc(member), f"{name}.{attribute}"


def test_the_version_is_the_packages():
    assert acrawl.__version__ == VERSION


def test_the_package_tells_its_map():
    source = pathlib.Path(acrawl.__file__).parent
    rooms = {path.name for path in source.iterdir() if (path / "__init__.py").exists()}
    assert acrawl.__doc__
    assert {room for room in rooms if room not in acrawl.__doc__} == set()


def test_importing_it_loads_nothing_heavy():
    light = [*HEAVY, "acrawl.spiders.feed", "acrawl.spiders.sitemap"]
    code = f"import sys, acrawl; print(*(name for name in {light!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == []
