"""Downloads that are cut, go on, and are verified: real sockets, and the real store below."""

import asyncio
import base64
import gzip
import hashlib
import os
from functools import partial

import pytest
import pytest_asyncio

from acrawl.errors import FetchError
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.fetch.resume import key_of
from acrawl.outcome import Beginning
from acrawl.request import Request
from acrawl.results.files.folder import FolderStore, object_path
from acrawl.settings import Fetch, Files, Settings
from fetch.serving import Server
from results.helpers import objects, temporaries
from server import raw_server, reset_on_close

MIB = 1 << 20
DATA = os.urandom(8 * MIB + 12_345)
OTHER = os.urandom(8 * MIB + 12_345)
TAG = 'ETag: "v1"'


def head(status, length, *lines):
    named = {200: "OK", 206: "Partial Content", 416: "Range Not Satisfiable"}[status]
    return "\r\n".join([f"HTTP/1.1 {status} {named}", f"Content-Length: {length}", *lines, "\r\n"]).encode("latin-1")


async def tell(reader, writer, *, answer, cut="", after=None):
    """Write an answer; then cut the connection, in order (``fin``) or not (``rst``) as soon as ``after`` is set."""
    writer.write(answer)
    await writer.drain()
    if after is not None:
        await after.wait()
    if cut == "rst":
        reset_on_close(writer)
    if cut:
        writer.close()


def whole(data=DATA, *lines, size=None, tag=TAG, **more):
    return partial(tell, answer=head(200, len(data), tag, *lines) + data[:size], **more)


def rest(data=DATA, *lines, tag=TAG, shift=0, upto=None, total=None, **more):
    """The rest that was asked for, honestly or not."""

    async def answer(reader, writer):
        start = asked_from(answer.server) + shift
        end = upto or len(data)
        said = f"Content-Range: bytes {start}-{end - 1}/{total or len(data)}"
        body = data[start:end]
        await tell(reader, writer, answer=head(206, len(body), tag, said, *lines) + body, **more)

    return answer


def asked_from(server):
    line = next(line for line in server.heads[-1].decode().splitlines() if line.startswith("Range: "))
    return int(line.removeprefix("Range: bytes=").removesuffix("-"))


class Downloads:
    """Tries at one URL, each with a sink of its own, as leases would make them."""

    def __init__(self, fetcher, store, server, url) -> None:
        self.store = store
        self.server = server
        self.url = url
        self.forward = False
        self._fetcher = fetcher

    async def once(self, *, fails="", **fields):
        """One try; the response, or with the reason that it ``fails`` for the error."""
        sink = self.store.sink()
        exchange = Exchange(sink=sink)
        request = Request(self.url, **{"save": True, **fields})
        if not fails:
            response = await self._fetcher.fetch(request, exchange)
            assert response.request is request
            return response
        with pytest.raises(FetchError) as caught:
            await self._fetcher.fetch(request, exchange)
        assert caught.value.reason == fails, caught.value
        self.forward = exchange.forward
        return caught.value


@pytest_asyncio.fixture
async def downloads(tmp_path):
    """Start a server with these answers: ``await downloads(answer, answer...)``."""
    stack, stores = [], []

    async def begin(*answers, settings=None, **fetch):
        server = Server(*answers)
        for answer in answers:
            if not isinstance(answer, partial | bytes):
                answer.server = server
        serving = raw_server(server)
        address = await serving.__aenter__()
        stack.append(serving)
        limits = Fetch(allow_private=True, stages=("guard", "body", "decode", "transport"), **fetch)
        fetcher = await Fetcher(Settings(fetch=limits, files=settings or Files())).__aenter__()
        stack.append(fetcher)
        store = FolderStore(tmp_path, partial_bytes=(settings or Files()).partial_bytes)
        stores.append(store)
        return Downloads(fetcher, store, server, f"http://{address}/file")

    yield begin
    for opened in reversed(stack):
        await opened.__aexit__(None, None, None)
    for store in stores:
        store.close()


def partials(root):
    folder = root / ".objects" / "partial"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def is_saved(response, root, data=DATA):
    sha256 = hashlib.sha256(data).hexdigest()
    assert (response.status, response.file.sha256, response.file.size) == (200, sha256, len(data))
    assert object_path(root, sha256).read_bytes() == data
    assert objects(root) == [sha256]
    return True


def sent(server, number):
    return dict(line.split(": ", 1) for line in server.heads[number].decode().splitlines()[1:] if line)


@pytest.mark.asyncio
@pytest.mark.parametrize("cut", ["fin", "rst"])
async def test_a_cut_download_goes_on_where_it_ended(downloads, tmp_path, cut):
    came = asyncio.Event()
    lines = (
        "Content-Type: application/zip",
        "Content-Disposition: attachment; filename=a.zip",
        "Content-Language: \u00e9",
    )
    tries = await downloads(whole(DATA, *lines, size=5 * MIB, cut=cut, after=came), rest(tag=TAG))
    task = asyncio.create_task(tries.once(fails="truncated"))
    await until(lambda: size_of(tmp_path) >= 4 * MIB)
    came.set()
    await task
    assert tries.forward
    assert len(partials(tmp_path)) == 2
    response = await tries.once()
    assert is_saved(response, tmp_path)
    assert 4 * MIB <= asked_from(tries.server) <= 5 * MIB
    assert sent(tries.server, 1)["If-Range"] == '"v1"'
    assert [sent(tries.server, n)["Accept-Encoding"] for n in (0, 1)] == ["identity"] * 2
    assert (response.file.name, response.file.type) == ("a.zip", "application/zip")
    assert response.headers["Content-Length"] == str(len(DATA))
    assert "Content-Range" not in response.headers
    assert (partials(tmp_path), temporaries(tmp_path)) == ([], [])


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def size_of(root):
    return max((path.stat().st_size for path in (root / ".objects").glob("partial/*")), default=0)


def cut_off(*lines, tag=TAG, data=DATA):
    """The first 3 MiB, of which a try that is cut then leaves at least 1."""
    return whole(data, *lines, size=3 * MIB, tag=tag, cut="fin")


@pytest.mark.asyncio
async def test_a_file_that_has_changed_comes_anew(downloads, tmp_path):
    tries = await downloads(cut_off(), whole(OTHER, tag='ETag: "v2"'))
    await tries.once(fails="truncated")
    assert is_saved(await tries.once(), tmp_path, OTHER)
    assert sent(tries.server, 1)["If-Range"] == '"v1"'
    assert partials(tmp_path) == []


@pytest.mark.asyncio
async def test_a_file_that_is_wanted_only_if_it_is_not_the_stored_one_goes_on_as_well(downloads, tmp_path):
    tries = await downloads(cut_off(), rest(), b"HTTP/1.1 304 Not Modified\r\n\r\n")
    wanted = {"If-None-Match": '"v0"', "If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}
    await tries.once(fails="truncated", headers=wanted)
    assert tries.forward
    assert is_saved(await tries.once(headers=wanted), tmp_path)
    assert sent(tries.server, 1).items() >= {**wanted, "If-Range": '"v1"'}.items()
    assert (await tries.once(headers=wanted)).status == 304


@pytest.mark.asyncio
async def test_a_file_that_changes_and_is_cut_again_and_again_costs_attempts(downloads, tmp_path):
    longer = whole(OTHER, size=7 * MIB, tag='ETag: "v2"', cut="fin")
    tries = await downloads(cut_off(), longer, whole(OTHER))
    await tries.once(fails="truncated")
    assert tries.forward
    await tries.once(fails="truncated")
    assert not tries.forward  # though more has come than before: else it could come a thousand times, ever longer
    assert is_saved(await tries.once(), tmp_path, OTHER)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "telling"),
    [
        (rest(shift=1), "were asked for"),
        (rest(shift=-MIB), "were asked for"),
        (rest(tag='ETag: "v2"'), "has changed"),
        (rest(total=len(DATA) + 1), "has 8400954 now"),
        (partial(tell, answer=head(206, 2, TAG) + b"xx"), "Content-Range"),
        (partial(tell, answer=head(206, 2, "Content-Type: multipart/byteranges; boundary=x") + b"xx"), "multipart"),
        (partial(tell, answer=head(416, 0, "Content-Range: bytes */17")), "416"),
    ],
    ids=["later", "earlier", "other-version", "other-length", "no-range", "multipart", "416"],
)
async def test_what_cannot_be_continued_is_thrown_away_and_begins_anew(downloads, tmp_path, answer, telling):
    tries = await downloads(cut_off(), answer, whole())
    await tries.once(fails="truncated")
    error = await tries.once(fails="resume")
    assert telling in error.detail
    assert not tries.forward
    assert partials(tmp_path) == []
    assert is_saved(await tries.once(), tmp_path)
    assert "Range" not in sent(tries.server, 2)


async def left(tries, data, beginning):
    """What an earlier try has left."""
    sink = tries.store.sink()
    sink.keep(key_of(Request(tries.url)), tries.url, beginning)
    await sink.write(data)
    assert await sink.leave() == len(data)


@pytest.mark.asyncio
async def test_a_file_that_was_whole_already_is_only_verified_and_finished(downloads, tmp_path):
    complete = partial(tell, answer=head(416, 0, f"Content-Range: bytes */{len(DATA)}"))
    tries = await downloads(complete)
    await left(tries, DATA, Beginning('"v1"', 0, 0, {"Repr-Digest": f"sha-256=:{digested(DATA)}:"}))
    assert is_saved(await tries.once(), tmp_path)
    await left(tries, DATA, Beginning('"v1"', 0, 0, {"Repr-Digest": f"sha-256=:{digested(OTHER)}:"}))
    await tries.once(fails="resume")


@pytest.mark.asyncio
async def test_a_server_that_sends_less_than_was_asked_for_is_asked_once_more(downloads, tmp_path):
    tries = await downloads(cut_off(), rest(upto=6 * MIB), rest())
    await tries.once(fails="truncated")
    await tries.once(fails="truncated")
    assert tries.forward
    assert is_saved(await tries.once(), tmp_path)
    assert asked_from(tries.server) == 6 * MIB


@pytest.mark.asyncio
async def test_a_part_that_nobody_asked_for_is_no_file(downloads, tmp_path):
    part = head(206, 4, "Content-Range: bytes 0-3/4") + b"part"
    tries = await downloads(part)
    await tries.once(fails="malformed")
    response = await tries.once(headers={"Range": "bytes=0-3"})
    assert (response.status, response.file) == (206, None)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("lines", "tag"),
    [
        ((), 'ETag: W/"v1"'),
        (("Accept-Ranges: none",), TAG),
        ((), "X-No: tag"),
    ],
    ids=["weak", "no-ranges", "no-validator"],
)
async def test_nothing_is_left_of_what_could_not_be_continued(downloads, tmp_path, lines, tag):
    tries = await downloads(cut_off(*lines, tag=tag), whole())
    await tries.once(fails="truncated")
    assert not tries.forward
    assert (partials(tmp_path), temporaries(tmp_path)) == ([], [])
    assert is_saved(await tries.once(), tmp_path)
    assert "Range" not in sent(tries.server, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("settings", [Files(resume=False), Files(partial_bytes=MIB)], ids=["off", "no-room"])
async def test_nothing_is_left_where_the_settings_do_not_want_it(downloads, tmp_path, settings):
    tries = await downloads(cut_off(), whole(), settings=settings)
    await tries.once(fails="truncated")
    assert not tries.forward
    assert partials(tmp_path) == []
    assert is_saved(await tries.once(), tmp_path)


@pytest.mark.asyncio
async def test_a_failed_answer_leaves_what_was_there(downloads, tmp_path):
    tries = await downloads(cut_off(), b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", rest())
    await tries.once(fails="truncated")
    assert (await tries.once()).status == 503
    assert len(partials(tmp_path)) == 2
    assert is_saved(await tries.once(), tmp_path)


@pytest.mark.asyncio
async def test_a_cancelled_download_goes_on_later(downloads, tmp_path):
    never = asyncio.Event()
    tries = await downloads(whole(size=3 * MIB, cut="fin", after=never), rest())
    task = asyncio.create_task(tries.once())
    await until(lambda: size_of(tmp_path) >= 2 * MIB)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    never.set()
    assert is_saved(await tries.once(), tmp_path)
    assert asked_from(tries.server) >= 2 * MIB


@pytest.mark.asyncio
async def test_a_download_that_runs_out_of_time_goes_on_later(downloads, tmp_path):
    never = asyncio.Event()
    tries = await downloads(whole(size=3 * MIB, cut="fin", after=never), rest(), file_timeout=1.0)
    assert (await tries.once(fails="timeout")).detail == "fetch.file_timeout"
    never.set()
    assert tries.forward
    assert is_saved(await tries.once(), tmp_path)


@pytest.mark.asyncio
async def test_two_downloads_of_one_url_do_not_meet(downloads, tmp_path):
    came = asyncio.Event()
    tries = await downloads(whole(size=3 * MIB, cut="fin", after=came), whole())
    first = asyncio.create_task(tries.once(fails="truncated"))
    await until(lambda: size_of(tmp_path) >= 2 * MIB)
    assert is_saved(await tries.once(), tmp_path)
    assert "Range" not in sent(tries.server, 1)
    came.set()
    await first
    assert tries.forward


@pytest.mark.asyncio
async def test_a_file_that_is_too_large_is_refused_by_its_setting_and_leaves_nothing(downloads, tmp_path):
    tries = await downloads(whole(), max_file=4 * MIB)
    assert "fetch.max_file" in (await tries.once(fails="too-large")).detail
    assert partials(tmp_path) == []


def digested(data, algorithm="sha256"):
    return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


@pytest.mark.asyncio
@pytest.mark.parametrize("data", [DATA, b"small"], ids=["large", "small"])
@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize(
    ("line", "algorithm"),
    [
        ("Repr-Digest: sha-256=:{}:", "sha256"),
        ("Content-Digest: sha-512=:{}:", "sha512"),
        ("Digest: SHA-256={}", "sha256"),
        ("Content-MD5: {}", "md5"),
    ],
)
async def test_the_digest_that_a_server_announces_is_compared(downloads, tmp_path, line, algorithm, good, data):
    value = digested(data if good else b"other", algorithm)
    tries = await downloads(whole(data, line.format(value)))
    if good:
        assert is_saved(await tries.once(), tmp_path, data)
    else:
        error = await tries.once(fails="digest-mismatch")
        assert base64.b64decode(value).hex() in error.detail
        assert not (tmp_path / ".objects").exists() or objects(tmp_path) == temporaries(tmp_path) == []
    assert partials(tmp_path) == []


@pytest.mark.asyncio
async def test_a_servers_digest_is_not_compared_where_the_settings_say_so(downloads, tmp_path):
    wrong = f"Repr-Digest: sha-256=:{digested(b'other')}:"
    tries = await downloads(whole(DATA, wrong), settings=Files(verify=False))
    assert is_saved(await tries.once(), tmp_path)


@pytest.mark.asyncio
async def test_a_digest_of_coded_bytes_is_not_compared_with_decoded_ones(downloads, tmp_path):
    coded = gzip.compress(DATA)
    answer = whole(coded, f"Repr-Digest: sha-256=:{digested(coded)}:", "Content-Encoding: gzip")
    tries = await downloads(answer)
    assert is_saved(await tries.once(), tmp_path)


@pytest.mark.asyncio
async def test_the_digest_that_a_request_asks_for_is_compared(downloads, tmp_path):
    tries = await downloads(whole())
    await tries.once(fails="digest-mismatch", digest=f"sha-256={hashlib.sha256(OTHER).hexdigest()}")
    assert is_saved(await tries.once(digest=f"SHA-256={digested(DATA)}"), tmp_path)


@pytest.mark.asyncio
async def test_a_beginning_that_went_bad_on_disk_is_found_out_and_comes_anew(downloads, tmp_path):
    line = f"Repr-Digest: sha-256=:{digested(DATA)}:"
    tries = await downloads(cut_off(line), rest(), whole(DATA, line))
    await tries.once(fails="truncated")
    (path,) = (tmp_path / ".objects" / "partial").glob("*[!n]")
    with path.open("r+b") as file:
        file.write(b"garbage")
    await tries.once(fails="resume")
    assert partials(tmp_path) == []
    assert is_saved(await tries.once(), tmp_path)
