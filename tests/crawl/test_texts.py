"""What a callback raises may be any text: it ends its own request, and no worker dies of it."""

from __future__ import annotations

import sqlite3

SPIDER = """
from acrawl import Spider

class Texts(Spider):
    name = "texts"

    def __init__(self, origin):
        super().__init__()
        self.start_urls = [origin + path for path in ("/half", "/long", "/item", "/fine")]

    def parse(self, response):
        yield {"url": response.url}
        if response.url.endswith("/half"):
            raise ValueError("half a character: " + chr(0xDC80))
        if response.url.endswith("/long"):
            raise ValueError("x" * 50_000_000)
        if response.url.endswith("/item"):
            yield {"half": chr(0xD800)}
"""


def test_texts_that_cannot_travel_fail_their_own_request(acrawl, live, tmp_path):
    for path in ("/half", "/long", "/item", "/fine"):
        live.page(path)
    (tmp_path / "texts.py").write_text(SPIDER)
    done = acrawl("run", "texts.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 1, "-q")
    assert done.code == 0, done.err[:2000]
    database = sqlite3.connect(tmp_path / ".acrawl" / "texts" / "job.db")
    ends = database.execute("select url, status, reason, detail from ledger join ending e on e.id = ending").fetchall()
    database.close()
    told = {
        url.removeprefix(live.origin): (f"{status} {reason}".strip(), detail) for url, status, reason, detail in ends
    }
    assert {path: end for path, (end, _) in told.items()} == {
        "/half": "failed callback", "/long": "failed callback", "/item": "fetched invalid-item", "/fine": "fetched",
    }  # fmt: skip
    assert "half a character: \\udc80" in told["/half"][1]
    assert 10_000 < len(told["/long"][1]) < 30_000
    assert len((tmp_path / "items.jsonl").read_text().splitlines()) == 4
