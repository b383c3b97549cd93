"""The documents say what is so: their commands parse, their spiders run, their lists are complete."""

import http.server
import json
import pathlib
import re
import shlex
import subprocess
import sys
import threading

import click
import pytest

from acrawl.cli import COMMANDS, acrawl
from acrawl.version import VERSION

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def blocks(page, language):
    return [text for kind, text in FENCE.findall(page.read_text()) if kind == language]


def commands(page):
    for text in blocks(page, "console"):
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:3] == ["python", "-m", "acrawl"]:
                yield words[3:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_a_page_is_one(page):
    for name, *arguments in commands(page):
        context = click.Context(acrawl)
        command = acrawl.get_command(context, name)
        assert command is not None, f"{page.name}: there is no acrawl {name}"
        command.make_context(name, list(arguments))  # raises UsageError for an option that does not exist


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


def test_the_readme_names_every_command():
    text = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"acrawl {name}" not in text and f"`{name}`" not in text] == []


def test_the_manual_has_an_example_of_every_command():
    shown = {name for name, *_ in commands(ROOT / "docs" / "cli.md")}
    assert sorted(set(COMMANDS) - shown) == []


def test_the_map_of_the_documents_has_every_page():
    named = LINK.findall((ROOT / "docs" / "README.md").read_text())
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in named if "/" not in name} == pages


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == VERSION


QUOTES = {
    "/": "<div class=quote><span class=text>One</span><b class=author>A</b></div><i class=next><a href=/page/2/>2</a>",
    "/page/2/": "<div class=quote><span class=text>Two</span><b class=author>B</b></div>",
}


class Quotes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = QUOTES.get(self.path)
        body = (page or "").encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def quotes():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quotes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.mark.process
def test_the_readme_spider_runs_as_printed(tmp_path, quotes):
    (source,) = (text for text in blocks(ROOT / "README.md", "python") if text.startswith("# quotes.py"))
    (tmp_path / "quotes.py").write_text(source.replace("https://quotes.toscrape.com/", quotes))
    command = [sys.executable, "-m", "acrawl", "run", "quotes.py", "-o", "quotes.jsonl", "--workers", "2", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    items = [json.loads(line) for line in (tmp_path / "quotes.jsonl").read_text().splitlines()]
    assert sorted(items, key=lambda item: item["text"]) == [
        {"text": "One", "author": "A"},
        {"text": "Two", "author": "B"},
    ]
