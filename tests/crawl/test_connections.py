"""Whole crawls through a proxy, of a server that wants to be logged in to."""

from __future__ import annotations

import asyncio

import pytest

from crawl.command import records
from fetch.proxying import HttpProxy
from fetch.serving import Server
from fetch.test_auth import Guarded
from server import raw_server

SPIDER = """
from acrawl import Spider

class Members(Spider):
    name = "members"
    start_urls = ["http://a.test:PORT/page"]

    def parse(self, response):
        yield {"url": response.url, "proxy": response.proxy, "text": response.text}
"""


class Pages(Guarded):
    """Guards everything but robots.txt, which it has not."""

    async def answer(self, reader, writer):
        if self.heads[-1].startswith(b"GET /robots.txt "):
            writer.write(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        else:
            await super().answer(reader, writer)


def run(start, tmp_path, port, *arguments, **more):
    (tmp_path / "members.py").write_text(SPIDER.replace("PORT", port))
    command = start("run", "members.py", "-o", "items.jsonl", "--workers", 1, *arguments, **more)
    return asyncio.to_thread(command.end)


@pytest.mark.asyncio
@pytest.mark.process
async def test_secrets_of_the_environment_reach_servers_and_proxies_and_no_file(start, tmp_path):
    server, proxy = Pages(password="s3cret"), HttpProxy(login="me:pr0xy", hosts={"a.test": "127.0.0.1"})
    async with raw_server(server) as address, proxy.serving():
        port = address.rpartition(":")[2]
        (tmp_path / "settings.toml").write_text(
            f'[auth]\nhosts = {{ "http://a.test:{port}" = "login user:env:MEMBER" }}\n[proxy]\nurls = ["env:WAY"]\n'
        )
        env = {"MEMBER": "s3cret", "WAY": f"http://me:pr0xy@{proxy.address}"}
        done = await run(start, tmp_path, port, "--config", "settings.toml", env=env)
    assert done.code == 0, done.err
    [item] = records(tmp_path / "items.jsonl")
    assert item == {"url": f"http://a.test:{port}/page", "proxy": f"http://{proxy.address}", "text": "ok"}
    assert [told.partition(" ")[0] for told in server.told] == ["", "Digest"]
    assert set(proxy.asked) == {f"http://a.test:{port}/robots.txt", f"http://a.test:{port}/page"}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 2
    for path in kept:
        assert b"s3cret" not in path.read_bytes(), path
        assert b"pr0xy" not in path.read_bytes(), path


@pytest.mark.asyncio
@pytest.mark.process
async def test_a_missing_secret_is_one_line(start, tmp_path):
    server = Server(b"")
    async with raw_server(server) as address:
        port = address.rpartition(":")[2]
        hosts = f'{{ "http://a.test:{port}" = "bearer env:NO_SUCH_TOKEN" }}'
        done = await run(start, tmp_path, port, "-s", f"auth.hosts={hosts}")
    assert done.code != 0
    assert "auth.hosts: http://a.test" in done.err
    assert "no variable 'NO_SUCH_TOKEN'" in done.err
    assert "Traceback" not in done.err


def test_what_is_wrong_with_settings_is_told_before_anything_begins(acrawl, tmp_path):
    (tmp_path / "members.py").write_text(SPIDER.replace("PORT", "1"))
    for setting, said in {
        "proxy.urls=ftp://me:s3cret@p.test": "proxy.urls: ftp://me:***@p.test",
        'auth.hosts={"a.test" = "s3cret"}': "auth.hosts: a.test: write basic, digest or login",
        "tls.insecure_hosts=*.test": "tls.insecure_hosts: '*.test'",
        "tls.ca_file=missing.pem": "tls.ca_file: missing.pem: No such file",
        "proxy.bypass=10.0.0.0/99": "proxy.bypass: ",
    }.items():
        done = acrawl("run", "members.py", "-s", setting)
        assert done.code == 2, done.err
        assert said in done.complaint
        assert "s3cret" not in done.err
    assert {path.name for path in tmp_path.iterdir()} <= {"members.py", "__pycache__"}
