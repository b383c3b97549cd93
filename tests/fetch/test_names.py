"""Names: how often they are asked for, what is remembered of them, and which of their addresses is taken."""

import asyncio
import contextlib
import socket

import pytest

from acrawl.fetch import names
from acrawl.fetch.names import Names, System
from acrawl.request import Request
from acrawl.settings import Dns, Fetch
from fetch.naming import Resolver
from fetch.serving import Exchanging, Server, failure
from server import raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Time:
    """A clock that a test moves."""

    def __init__(self):
        self.at = 1000.0

    def now(self):
        return self.at


@contextlib.asynccontextmanager
async def remembering(resolver, time=None, ttl=300.0, failure_ttl=30.0):
    known = Names(resolver, ttl, failure_ttl, (time or Time()).now)
    try:
        yield known
    finally:
        await known.close()


async def told(name, host):
    with pytest.raises(socket.gaierror) as caught:
        await name.resolve(host, 80)
    return caught.value


@pytest.mark.asyncio
async def test_a_name_is_asked_for_again_when_its_time_is_over():
    resolver, time = Resolver(a_test=["192.0.2.1", "192.0.2.2"]), Time()
    async with remembering(resolver, time, ttl=60) as known:
        for port in (80, 443, 80):
            found = await known.resolve("a.test", port)
            assert [(one["host"], one["port"]) for one in found] == [("192.0.2.1", port), ("192.0.2.2", port)]
        time.at += 59
        await known.resolve("a.test", 80)
        assert resolver.asked == ["a.test"]
        resolver.names["a.test"] = ["192.0.2.3"]
        time.at += 2
        assert [one["host"] for one in await known.resolve("a.test", 80)] == ["192.0.2.3"]
    assert resolver.closed


@pytest.mark.asyncio
async def test_a_name_that_does_not_exist_is_not_asked_for_again_for_a_while():
    resolver, time = Resolver(), Time()
    async with remembering(resolver, time, failure_ttl=30) as known:
        for _ in range(3):
            assert "no such name" in str(await told(known, "gone.test"))
        assert resolver.asked == ["gone.test"]
        time.at += 31
        resolver.names["gone.test"] = ["192.0.2.1"]
        assert await known.resolve("gone.test", 80)


@pytest.mark.asyncio
async def test_a_lookup_that_failed_for_now_is_tried_again_and_named_so():
    again = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    resolver = Resolver(a_test=again)
    async with remembering(resolver) as known:
        error = await told(known, "a.test")
        assert (error.errno, "for now" in str(error)) == (socket.EAI_AGAIN, True)
        resolver.names["a.test"] = ["192.0.2.1"]
        assert await known.resolve("a.test", 80)


@pytest.mark.asyncio
async def test_all_who_wait_for_a_name_share_one_lookup_and_none_can_cancel_it():
    resolver = Resolver(a_test=["192.0.2.1"])
    resolver.held = True
    async with remembering(resolver) as known:
        waiting = [asyncio.create_task(known.resolve("a.test", 80)) for _ in range(5)]
        while not resolver.asked:
            await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        resolver.go.set()
        assert [one[0]["host"] for one in await asyncio.gather(*waiting[1:])] == ["192.0.2.1"] * 4
        assert resolver.asked == ["a.test"]


@pytest.mark.asyncio
async def test_names_that_nobody_waits_for_any_more_hold_up_no_other(monkeypatch):
    monkeypatch.setattr(names, "_LOOKUPS", 2)
    resolver = Resolver(**{f"n{i}_test": ["192.0.2.1"] for i in range(5)}, good_test=["192.0.2.2"])
    resolver.held = True
    async with remembering(resolver) as known:
        waiting = [asyncio.create_task(known.resolve(f"n{i}.test", 80)) for i in range(5)]
        while len(resolver.asked) < 2:
            await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        good = asyncio.create_task(known.resolve("good.test", 80))
        again = asyncio.create_task(known.resolve("n4.test", 80))
        resolver.go.set()
        assert (await good)[0]["host"] == "192.0.2.2"
        assert (await again)[0]["host"] == "192.0.2.1"
    assert resolver.asked == ["n0.test", "n1.test", "good.test", "n4.test"]


@pytest.mark.asyncio
async def test_waiting_for_a_name_ends_with_the_fetcher():
    resolver = Resolver(a_test=["192.0.2.1"])
    resolver.held = True
    async with remembering(resolver) as known:
        waiting = asyncio.create_task(known.resolve("a.test", 80))
        while not resolver.asked:
            await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.asyncio
async def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(names, "_MOST_KNOWN", 3)
    resolver = Resolver(**{f"n{i}_test": ["192.0.2.1"] for i in range(5)})
    async with remembering(resolver) as known:
        for i in (0, 1, 2, 3, 4, 4, 3, 2, 0):
            await known.resolve(f"n{i}.test", 80)
    assert resolver.asked == [f"n{i}.test" for i in (0, 1, 2, 3, 4, 0)]


@pytest.mark.asyncio
async def test_of_a_name_with_thousands_of_addresses_the_first_of_each_family_are_taken():
    many = [f"10.0.{i // 250}.{i % 250}" for i in range(4000)]
    async with remembering(Resolver(a_test=[*many, "::1"])) as known:
        assert [one["host"] for one in await known.resolve("a.test", 80)] == [*many[:8], "::1"]
    async with Exchanging(Fetch(), resolver=Resolver(a_test=many)) as fetch, asyncio.timeout(5):
        assert (await failure(fetch(Request("http://a.test/")))).reason == "blocked"


@pytest.mark.asyncio
async def test_a_name_without_addresses_is_none():
    async with remembering(Resolver(a_test=[])) as known:
        assert "no address" in str(await told(known, "a.test"))


@pytest.mark.asyncio
async def test_the_system_knows_this_machine():
    system = System()
    try:
        found = await system.resolve("localhost", 80, socket.AF_UNSPEC)
        assert {one["host"] for one in found} & {"127.0.0.1", "::1"}
    finally:
        await system.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(("answer", "said"), [(socket.EAI_NONAME, "no such name"), (socket.EAI_AGAIN, "for now")])
async def test_the_ledger_is_told_which_way_a_name_failed(answer, said):
    resolver = Resolver(a_test=socket.gaierror(answer, "x"))
    async with Exchanging(Fetch(), resolver=resolver) as fetch:
        error = await failure(fetch(Request("http://a.test/")))
    assert (error.reason, said in error.detail, "a.test" in error.detail) == ("dns", True, True)


@pytest.mark.asyncio
async def test_settings_say_how_long_names_are_known():
    resolver = Resolver()
    async with Exchanging(Fetch(), sections={"dns": Dns(failure_ttl=0)}, resolver=resolver) as fetch:
        for _ in range(2):
            await failure(fetch(Request("http://a.test/")))
    assert resolver.asked == ["a.test"] * 2


# -- which address (RFC 8305) -------------------------------------------------------------------------------------


@contextlib.contextmanager
def black_hole(port):
    """An address of loopback, on the port given, that takes no more connections and refuses none: its queue is full."""
    with socket.socket() as listening, contextlib.ExitStack() as held:
        listening.bind(("127.0.0.9", port))
        listening.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield "127.0.0.9"


@pytest.mark.asyncio
async def test_a_dead_address_costs_a_fraction_of_the_connect_timeout():
    server = Server(OK)
    async with raw_server(server) as address:
        port = address.rpartition(":")[2]
        with black_hole(int(port)) as dead:
            resolver = Resolver(a_test=[dead, "127.0.0.1"])
            fetching = Fetch(allow_private=True, connect_timeout=30)
            async with Exchanging(fetching, resolver=resolver) as fetch, asyncio.timeout(15):
                response = await fetch(Request(f"http://a.test:{port}/"))
        assert (response.status, response.ip_address) == (200, "127.0.0.1")


@pytest.mark.asyncio
async def test_a_black_hole_is_one():
    """What the test above rests on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with black_hole(free.getsockname()[1]) as dead:
            fetching = Fetch(allow_private=True, connect_timeout=0.5)
            async with Exchanging(fetching, resolver=Resolver(a_test=[dead])) as fetch:
                error = await failure(fetch(Request(f"http://a.test:{free.getsockname()[1]}/")))
    assert (error.reason, "fetch.connect_timeout" in error.detail) == ("timeout", True)


@pytest.mark.asyncio
@pytest.mark.parametrize("first", ["::1", "127.0.0.1"])
async def test_a_refusing_address_of_one_family_leads_to_the_other(first):
    async with raw_server(Server(OK)) as address:
        resolver = Resolver(a_test=["::1", "127.0.0.1"] if first == "::1" else ["127.0.0.1", "::1"])
        async with Exchanging(Fetch(allow_private=True), resolver=resolver) as fetch:
            response = await fetch(Request(f"http://a.test:{address.rpartition(':')[2]}/"))
    assert response.ip_address == "127.0.0.1"


@pytest.mark.asyncio
async def test_every_address_that_is_tried_is_judged():
    server = Server(OK)
    async with raw_server(server) as address:
        resolver = Resolver(a_test=["192.168.0.1", "::1", "127.0.0.1"])
        async with Exchanging(Fetch(), resolver=resolver) as fetch:
            assert (await failure(fetch(Request(f"http://a.test:{address.rpartition(':')[2]}/")))).reason == "blocked"
    assert not server.made


# -- Host ---------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("a.test", "a.test"),
        ("A.Test", "a.test"),
        ("user:secret@a.test", "a.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("[::1]", "[::1]"),
        ("[0:0::0:1]", "[::1]"),
        ("a.test.", "a.test."),
    ],
)
async def test_the_host_header_is_exact(host, said):
    server = Server(OK)
    async with raw_server(server, host="::1" if "[" in host else "127.0.0.1") as address:
        port = address.rpartition(":")[2]
        names = {"a.test": ["127.0.0.1"], "a.test.": ["127.0.0.1"], "xn--bcher-kva.test": ["127.0.0.1"]}
        resolver = Resolver()
        resolver.names = names
        async with Exchanging(Fetch(allow_private=True), resolver=resolver) as fetch:
            await fetch(Request(f"http://{host}:{port}/"))
    assert server.heads[0].count(b"\r\nHost: ") == 1
    assert f"\r\nHost: {said}:{port}\r\n".encode() in server.heads[0]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://a.test:80/", "a.test"),
        ("https://a.test:443/", "a.test"),
        ("http://a.test:443/", "a.test:443"),
        ("https://u:p@[2001:db8::1]:443/", "[2001:db8::1]"),
    ],
)
def test_the_usual_port_is_not_named(url, said):
    from acrawl.fetch.origin import Origin
    from acrawl.fetch.tls import Trust
    from acrawl.settings import Tls

    async def authority():
        return Origin(Request(url).url[:-1], Trust(Tls())).authority

    assert asyncio.run(authority()) == said
