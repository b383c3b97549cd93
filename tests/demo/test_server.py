"""The server: it behaves as the manifest says, badly where it should."""

import asyncio
import json
import os
import signal
import socket
import sys

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from acrawl.demo.server import DemoServer, main
from acrawl.errors import FolderProblem, PortInUse


@pytest_asyncio.fixture
async def served(tmp_path):
    async with DemoServer(manifest=tmp_path / "manifest.json", log=tmp_path / "log.jsonl") as server:
        yield server


@pytest_asyncio.fixture
async def client():
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def ask(client, url, **options):
    async with client.get(URL(url, encoded=True), allow_redirects=False, **options) as answer:
        return answer.status, answer.headers, await answer.read()


def reason_urls(server, reason):
    return [url for url, why in server.site.manifest["errors"].items() if why == reason]


@pytest.mark.asyncio
async def test_every_image_arrives_under_its_url(served, client):
    """Among them all odd names: what is asked for byte by byte is what is found."""
    wrong = []
    for url, resource in served.site.resources.items():
        if url in served.site.manifest["images"] and resource.first is None and resource.manner in {"plain", "chunked"}:
            if resource.delay:
                continue
            status, headers, body = await ask(client, url)
            if (status, body) != (200, resource.body) or headers["Content-Type"] != resource.content_type:
                wrong.append(url)

    assert wrong == []


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", ["http-403", "http-404", "http-410", "http-500", "http-502"])
async def test_an_error_answers_with_its_status_every_time(served, client, reason):
    urls = reason_urls(served, reason)

    assert urls
    for url in urls * 2:
        assert (await ask(client, url))[0] == int(reason[5:])


@pytest.mark.asyncio
async def test_a_truncated_body_ends_before_it_is_whole(served, client):
    urls = reason_urls(served, "truncated")

    assert len(urls) == 2
    for url in urls * 2:
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(client, url)


@pytest.mark.asyncio
async def test_a_dropped_connection_gives_no_answer(served, client):
    for url in reason_urls(served, "dropped"):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await ask(client, url)


@pytest.mark.asyncio
async def test_a_redirect_loop_never_ends(served, client):
    url = reason_urls(served, "redirect-loop")[0]
    for _ in range(4):
        status, headers, _ = await ask(client, url)
        assert status == 302
        url = str(URL(url).join(URL(headers["Location"])))

    assert url == reason_urls(served, "redirect-loop")[0]


@pytest.mark.asyncio
async def test_redirects_lead_to_the_images_of_the_manifest(served, client):
    redirects = served.site.manifest["redirects"]

    assert len(redirects) >= 8
    for url, target in redirects.items():
        async with client.get(url) as answer:
            assert str(answer.url) == target
            assert await answer.read() == served.site.resources[target].body


@pytest.mark.asyncio
async def test_busy_once_asks_for_a_second_and_then_serves(served, client):
    url = f"{served.url}transport/busy-once.png"
    status, headers, _ = await ask(client, url)
    again, _, body = await ask(client, url)

    assert (status, headers["Retry-After"]) == (503, "1")
    assert (again, body) == (200, served.site.resources[url].body)


@pytest.mark.asyncio
@pytest.mark.parametrize("manner", ["gzip", "deflate"])
async def test_bodies_are_compressed_for_those_who_read_that(served, client, manner):
    url = f"{served.url}transport/{manner}.svg"
    _, headers, packed = await ask(client, url, headers={"Accept-Encoding": manner})
    _, plain_headers, plain = await ask(client, url, headers={"Accept-Encoding": "identity"})

    assert headers["Content-Encoding"] == manner
    assert "Content-Encoding" not in plain_headers
    assert plain == served.site.resources[url].body != packed


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "framing"), [("chunked.svg", "Transfer-Encoding"), ("dribble.bmp", "Content-Length")])
async def test_pieces_make_the_whole(served, client, name, framing):
    url = f"{served.url}transport/{name}"
    _, headers, body = await ask(client, url)

    assert framing in headers
    assert body == served.site.resources[url].body


@pytest.mark.asyncio
async def test_what_is_no_image_is_none(served, client):
    for url in served.site.manifest["not_images"]:
        status, _, body = await ask(client, url)
        assert status == 200
        assert not body.startswith((b"\x89PNG", b"\xff\xd8", b"GIF", b"RIFF", b"BM", b"\0\0\1\0"))


@pytest.mark.asyncio
async def test_an_unknown_url_is_not_found(served, client):
    assert (await ask(client, f"{served.url}nothing?here"))[0] == 404


@pytest.mark.asyncio
async def test_the_second_port_is_another_site(served, client):
    cdn = served.site.cdn

    assert (await ask(client, f"{cdn}/"))[0] == 404
    assert b"/hidden/" in (await ask(client, f"{cdn}/robots.txt"))[2]
    assert b"/private/" in (await ask(client, f"{served.url}robots.txt"))[2]


@pytest.mark.asyncio
async def test_every_request_is_logged_before_it_is_answered(served, client, tmp_path):
    urls = [served.url, f"{served.site.cdn}/hidden/a.png", f"{served.url}names/..%2fup.png", f"{served.url}nothing"]
    statuses = [(await ask(client, url, headers={"User-Agent": "a test"}))[0] for url in urls]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]

    assert [line["url"] for line in lines] == urls
    assert [line["status"] for line in lines] == statuses == [200, 200, 200, 404]
    assert {line["agent"] for line in lines} == {"a test"}
    assert all(line["peer"].startswith("127.0.0.1:") and line["method"] == "GET" for line in lines)


@pytest.mark.asyncio
async def test_the_manifest_is_there_when_the_site_is(served, tmp_path):
    assert json.loads((tmp_path / "manifest.json").read_text()) == served.site.manifest
    assert served.site.manifest["site"] == served.url


@pytest.mark.asyncio
async def test_a_taken_port_is_said(served):
    with pytest.raises(PortInUse, match="--port"):
        await DemoServer(URL(served.url).port).start()


@pytest.mark.asyncio
async def test_ports_are_given_back_when_a_file_cannot_be_written(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(FolderProblem, match="no-such-folder"):
        await DemoServer(port, log=tmp_path / "no-such-folder" / "log").start()

    socket.create_server(("127.0.0.1", port)).close()


def test_a_taken_port_ends_the_program_with_3(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 3

    assert capsys.readouterr().err.startswith("error: cannot listen on 127.0.0.1:")


async def run_server(*arguments):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "acrawl.demo.server", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


@pytest.mark.asyncio
@pytest.mark.process
@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "eof"])
async def test_the_program_says_when_it_is_ready_and_ends_when_told(tmp_path, client, way):
    files = ["--manifest", str(tmp_path / "m.json"), "--log", str(tmp_path / "l.jsonl")]
    process = await run_server("--port", "0", *files, "--until-eof")
    try:
        word, url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
        status, _, body = await ask(client, url)
        assert (word, status) == ("READY", 200)
        assert b"A gallery of mosaics" in body
        assert json.loads((tmp_path / "m.json").read_text())["site"] == url
        if way == "eof":
            process.stdin.close()
        else:
            os.kill(process.pid, getattr(signal, way))
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert json.loads((tmp_path / "l.jsonl").read_text().splitlines()[0])["url"] == url
