"""docs/bodies.md says what is so: its spider runs as printed, and its settings are the ones there are."""

import pathlib
import re

from acrawl.settings import keys
from acrawl.testing import Pages, crawl

PAGE = (pathlib.Path(__file__).parent.parent.parent / "docs" / "bodies.md").read_text()
LONG = "report " * 300_000


def test_the_spider_of_the_page_runs_as_printed(tmp_path, monkeypatch):
    (source,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    found = {}
    exec(compile(source, "reports.py", "exec"), found)
    monkeypatch.chdir(tmp_path)
    links = "".join(f'<a class="report" href="/{name}">{name}</a>' for name in ("long.csv", "short.csv"))
    web = {"": links, "long.csv": LONG, "short.csv": "short"}
    done = crawl(found["Reports"], Pages({f"https://reports.example/{name}": text for name, text in web.items()}))
    assert {(item["name"], item["bytes"]) for item in done.items} == {("long.csv", len(LONG)), ("short.csv", 5)}
    assert {path.name: path.read_text() for path in (tmp_path / "reports").iterdir()} == {
        "long.csv": LONG,
        "short.csv": "short",
    }


def test_the_settings_of_the_page_and_their_defaults_are_true():
    named = set(re.findall(r"fetch\.\w+", PAGE))
    assert named <= set(keys())
    shown = {"max_body": 32 << 20, "max_ratio": 500, "max_file": 1 << 30, "idle_timeout": 30, "total_timeout": 180}
    assert {name: keys()[f"fetch.{name}"] for name in shown} == shown
    assert (keys()["fetch.spill"], keys()["fetch.file_timeout"]) == (1 << 20, 3600)
