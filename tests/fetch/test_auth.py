"""Credentials: who gets them, who does not, and what a server is told that wants them proved."""

import asyncio
import base64
import hashlib
import re

import pytest

from acrawl.cli.inspect import as_toml
from acrawl.errors import SettingsError
from acrawl.fetch import Fetcher
from acrawl.fetch.auth import Auth
from acrawl.request import Request, seal
from acrawl.settings import Auth as Section
from acrawl.settings import Fetch, Settings, resolve
from fetch.naming import Resolver
from fetch.serving import OK, Exchanging, Server
from fetch.test_transport import MemorySink
from server import raw_server


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


class Guarded(Server):
    """Lets in who proves by Digest to be user:password, and counts with each nonce. ``stale`` forgets all nonces."""

    def __init__(self, *, algorithm="SHA-256", offers=(), user="user", password="password", info=""):
        super().__init__(self.answer)
        self.hash = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]
        self.algorithm = algorithm
        self.offers = offers
        self.secret = self._hash(f"{user}:realm:{password}")
        self.nonces = {}
        self.told = []
        self.info = info
        self.bodies = []

    def stale(self):
        self.nonces.clear()

    def _hash(self, text):
        return self.hash(text.encode()).hexdigest()

    async def answer(self, reader, writer):
        head = self.heads[-1].decode()
        if size := re.search("Content-Length: (.*)\r\n", head):
            self.bodies.append(await reader.readexactly(int(size[1])))
        found = re.search("\r\nAuthorization: (.*)\r\n", head)
        self.told.append(found[1] if found else "")
        stale = False
        if self.told[-1].startswith("Digest "):
            asked = dict(re.findall(r'(\w+)="?([^",]*)"?', self.told[-1]))
            if self._proves(head.split(" ")[0], asked):
                known = self.nonces.get(asked["nonce"])
                count = int(asked["nc"], 16)
                if known is not None and count == known + 1:
                    self.nonces[asked["nonce"]] = count
                    writer.write(OK.replace(b"\r\n\r\n", f"\r\n{self.info}\r\n".encode() if self.info else b"\r\n\r\n"))
                    return
                stale = known is None
        nonce = f"nonce{len(self.told)}"
        self.nonces[nonce] = 0
        mine = f'Digest realm="realm", qop="auth", algorithm={self.algorithm}, nonce="{nonce}", opaque="o"'
        fields = [*self.offers, mine + (", stale=true" if stale else "")]
        lines = "".join(f"WWW-Authenticate: {field}\r\n" for field in fields)
        writer.write(f"HTTP/1.1 401 Unauthorized\r\n{lines}Content-Length: 2\r\n\r\nno".encode())

    def _proves(self, method, asked):
        about = self._hash(f"{method}:{asked['uri']}")
        middle = f"{asked['nonce']}:{asked['nc']}:{asked['cnonce']}:{asked['qop']}"
        return asked["username"] == "user" and asked["response"] == self._hash(f"{self.secret}:{middle}:{about}")


def knowing(hosts=None, login=("", "", ""), **more):
    names = Resolver(a_test=["127.0.0.1"], b_test=["127.0.0.1"], www_a_test=["127.0.0.1"])
    sections = {"auth": Section(hosts=hosts or {})}
    return Exchanging(
        Fetch(allow_private=True), sections=sections, stages=("auth", "redirect"), login=login, resolver=names, **more
    )


@pytest.mark.asyncio
async def test_each_origin_gets_its_own_credentials_and_no_other_gets_any():
    server = Server(OK)
    async with raw_server(server) as address:
        port = address.rpartition(":")[2]
        hosts = {f"http://a.test:{port}": "basic user:pass:word", f"http://b.test:{port}": "bearer TOKEN"}
        async with knowing(hosts) as fetch:
            for host in ("a.test", "b.test", "www.a.test", "127.0.0.1"):
                await fetch(Request(f"http://{host}:{port}/"))
    told = [re.findall(b"\r\nAuthorization: (.*)\r\n", head) for head in server.heads]
    assert told == [[basic("user:pass:word").encode()], [b"Bearer TOKEN"], [], []]


@pytest.mark.asyncio
async def test_a_header_of_the_request_wins():
    server = Server(OK)
    async with raw_server(server) as address, knowing({f"http://{address}": "basic u:p"}) as fetch:
        await fetch(Request(f"http://{address}/", headers={"authorization": "Bearer own"}))
    assert b"\r\nauthorization: Bearer own\r\n" in server.heads[0]
    assert server.heads[0].lower().count(b"authorization") == 1


@pytest.mark.asyncio
async def test_a_redirect_takes_no_credentials_along():
    server = Server(b"HTTP/1.1 302 Found\r\nLocation: http://b.test/\r\nContent-Length: 0\r\n\r\n")
    async with raw_server(server) as address, knowing({f"http://{address}": "basic user:secret"}) as fetch:
        response = await fetch(Request(f"http://{address}/"))
    assert basic("user:secret").encode() in server.heads[0]
    assert not response.following.headers
    assert not response.request.headers
    assert basic("user:secret").encode() not in seal(response.following, b"0" * 16).body


@pytest.mark.asyncio
async def test_a_stage_that_asks_somebody_else_gives_no_credentials_away():
    server, names = Server(OK), Resolver(a_test=["127.0.0.1"], b_test=["127.0.0.1"])
    async with raw_server(server) as address:
        port = address.rpartition(":")[2]
        settings = Settings(
            fetch=Fetch(allow_private=True, stages=("guard", "auth", "spider", "body", "decode", "transport")),
            auth=Section(hosts={f"http://a.test:{port}": "basic user:secret"}),
        )

        async def elsewhere(request, send):
            await send(request)
            return await send(request.replace(url=f"http://b.test:{port}/"))

        async with Fetcher(settings, [elsewhere], resolver=names) as fetcher:
            await fetcher.fetch(Request(f"http://a.test:{port}/"))
    assert [b"Authorization" in head for head in server.heads] == [True, False]


@pytest.mark.asyncio
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_challenge_costs_one_request_and_its_nonce_serves_all_later_ones(algorithm):
    server = Guarded(algorithm=algorithm)
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:password"}) as fetch:
        for path in ("/?q=1", "/2", "/3"):
            assert (await fetch(Request(f"http://{address}{path}"))).status == 200
    assert [told[:6] for told in server.told] == ["", "Digest", "Digest", "Digest"]
    assert [re.search("nc=(\\w+)", told)[1] for told in server.told[1:]] == ["00000001", "00000002", "00000003"]
    assert 'uri="/?q=1"' in server.told[1]


@pytest.mark.asyncio
async def test_a_stale_nonce_is_replaced():
    server = Guarded()
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:password"}) as fetch:
        for expected in (2, 4):
            assert (await fetch(Request(f"http://{address}/"))).status == 200
            assert len(server.told) == expected
            server.stale()


@pytest.mark.asyncio
async def test_the_nonce_that_a_server_names_next_is_taken():
    server = Guarded(info='Authentication-Info: nextnonce="given", qop=auth\r\n')
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:password"}) as fetch:
        await fetch(Request(f"http://{address}/"))
        server.nonces = {"given": 0}
        assert (await fetch(Request(f"http://{address}/"))).status == 200
    assert len(server.told) == 3
    assert 'nonce="given", nc=00000001' in server.told[2]


@pytest.mark.asyncio
async def test_wrong_credentials_are_sent_once_and_not_again():
    server = Guarded()
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:wrong"}) as fetch:
        assert [(await fetch(Request(f"http://{address}/"))).status for _ in range(3)] == [401] * 3
    assert [told[:6] for told in server.told] == ["", "Digest", "", ""]


@pytest.mark.asyncio
async def test_a_login_answers_the_strongest_challenge():
    server = Guarded(offers=('Basic realm="realm", Negotiate', 'Digest realm="realm", nonce="x", algorithm=MD5'))
    async with raw_server(server) as address, knowing({f"http://{address}": "login user:password"}) as fetch:
        assert (await fetch(Request(f"http://{address}/"))).status == 200
    assert "algorithm=SHA-256" in server.told[1]


@pytest.mark.asyncio
async def test_a_login_answers_basic_where_there_is_nothing_else_and_then_at_once():
    challenge = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate, Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
    server = Server(challenge, OK)
    async with raw_server(server) as address, knowing({f"http://{address}": "login user:password"}) as fetch:
        for _ in range(2):
            assert (await fetch(Request(f"http://{address}/"))).status == 200
    assert [basic("user:password").encode() in head for head in server.heads] == [False, True, True]


@pytest.mark.asyncio
async def test_digest_is_not_talked_down_to_basic():
    server = Server(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:password"}) as fetch:
        assert (await fetch(Request(f"http://{address}/"))).status == 401
    assert len(server.heads) == 1


@pytest.mark.asyncio
async def test_a_body_is_sent_again_with_its_proof():
    server = Guarded()
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:password"}) as fetch:
        response = await fetch(Request(f"http://{address}/", method="POST", body=b"x=1"))
    assert (response.status, server.bodies) == (200, [b"x=1", b"x=1"])


@pytest.mark.asyncio
async def test_user_and_password_of_a_url_answer_a_digest_too():
    server = Guarded(password="p@ss")
    async with raw_server(server) as address, knowing() as fetch:
        for _ in range(2):
            assert (await fetch(Request(f"http://user:p%40ss@{address}/x"))).status == 200
        assert (await fetch(Request(f"http://{address}/x"))).status == 401
    assert [told.partition(" ")[0] for told in server.told] == ["Basic", "Digest", "Digest", ""]


@pytest.mark.asyncio
async def test_a_challenge_as_long_as_a_page_is_not_answered():
    asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="%b", nonce="n"\r\nContent-Length: 0\r\n\r\n'
    server = Server(asks % (b"r" * 60_000))
    async with raw_server(server) as address, knowing() as fetch:
        assert (await fetch(Request(f"http://user:password@{address}/"))).status == 401
    assert len(server.heads) == 1


@pytest.mark.asyncio
async def test_a_user_and_a_nonce_that_are_no_utf_8_are_sent_as_they_are():
    asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="\xe9"\r\nContent-Length: 0\r\n\r\n'
    server = Server(asks, OK)
    async with (
        raw_server(server) as address,
        Exchanging(
            Fetch(allow_private=True),
            stages=("auth",),
            sections={"auth": Section(hosts={f"http://{address}": "digest jos\xe9:pw"})},
        ) as fetch,
    ):
        assert (await fetch(Request(f"http://{address}/"))).status == 200
    assert b'username="jos\xe9"' in server.heads[1]
    assert b'nonce="\xe9"' in server.heads[1]


@pytest.mark.asyncio
async def test_the_repetition_keeps_the_distance_between_starts():
    slept = []

    class Clock:
        def now(self):
            return 0.0

        def time(self):
            return 0.0

        async def sleep(self, seconds):
            slept.append((seconds, len(server.told)))

    server = Guarded()
    async with (
        raw_server(server) as address,
        knowing({f"http://{address}": "digest user:password"}, clock=Clock()) as fetch,
    ):
        for _ in range(2):
            assert (await fetch(Request(f"http://{address}/"), spacing=2.5)).status == 200
    assert slept == [(2.5, 1)]


class Sink(MemorySink):
    """As the contract says: after `discard` it is empty and may be used again."""

    async def discard(self):
        if self.state == "open":
            self.data = b""


@pytest.mark.asyncio
async def test_a_saved_file_is_the_answer_and_not_the_challenge():
    server, sink = Guarded(), Sink()
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:password"}) as fetch:
        response = await fetch(Request(f"http://{address}/", save=True), sink=sink)
    assert (response.file.size, sink.data) == (2, b"ok")


@pytest.mark.asyncio
async def test_scrapys_attributes_of_a_spider_mean_a_domain():
    server = Server(OK)
    async with raw_server(server) as address, knowing(login=("user", "pass", "a.test")) as fetch:
        for host in ("a.test", "www.a.test", "b.test"):
            await fetch(Request(f"http://{host}:{address.rpartition(':')[2]}/"))
    assert [basic("user:pass").encode() in head for head in server.heads] == [True, True, False]


@pytest.mark.parametrize(("domain", "host"), [("a.test", "aa.test"), ("a.test", "a.test.evil"), ("a.test", "test")])
def test_a_domain_is_not_every_name_that_looks_like_it(domain, host):
    from acrawl.fetch.auth import _is_below

    assert not _is_below(f"https://{host}", domain)
    assert _is_below(f"https://sub.{domain}:8443", domain)


def test_a_user_without_a_domain_is_refused():
    with pytest.raises(SettingsError, match="http_auth_domain"):
        Auth({}, ("user", "pass", ""), None)


@pytest.mark.parametrize(
    "host", ["*.a.example", "https://a.example/path", "ftp://a.example", "u:secret@a.example", "a b", ""]
)
def test_a_host_that_is_none_is_refused(host):
    with pytest.raises(SettingsError, match=r"auth\.hosts: ") as caught:
        Auth({host: "basic u:p"}, ("", "", ""), None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "basic", "ntlm u:p", "u:secret", "bearer "])
def test_credentials_of_no_known_kind_are_refused_without_being_told(text):
    with pytest.raises(SettingsError, match=r"auth\.hosts: a\.example: ") as caught:
        Auth({"a.example": text}, ("", "", ""), None)
    assert "secret" not in str(caught.value)


@pytest.mark.asyncio
async def test_a_name_means_https():
    async with Auth({"a.example": "bearer x", "http://b.example:80": "bearer y"}, ("", "", ""), None) as auth:
        assert auth._for(Request("https://a.example/")) is not None
        assert auth._for(Request("http://a.example/")) is None
        assert auth._for(Request("http://b.example/")) is not None


# -- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "written", ["basic env:ACRAWL_TEST_LOGIN", "basic user:env:ACRAWL_TEST_PASSWORD", "basic file:LOGIN"]
)
async def test_a_secret_may_be_kept_elsewhere(written, monkeypatch, tmp_path):
    monkeypatch.setenv("ACRAWL_TEST_LOGIN", "user:s3cret")
    monkeypatch.setenv("ACRAWL_TEST_PASSWORD", "s3cret")
    (tmp_path / "login").write_text("user:s3cret\n")
    written = written.replace("LOGIN", str(tmp_path / "login")) if "file" in written else written
    server = Server(OK)
    async with raw_server(server) as address, knowing({f"http://{address}": written}) as fetch:
        await fetch(Request(f"http://{address}/"))
    assert basic("user:s3cret").encode() in server.heads[0]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("basic env:ACRAWL_NO_SUCH", "no variable 'ACRAWL_NO_SUCH'"),
        ("bearer file:/no/such/file", "/no/such/file cannot be read"),
        ("basic user", "user:password"),
        ("basic user:***", "not shown"),
    ],
)
async def test_a_secret_that_is_not_there_is_told_where_it_is_needed(written, said):
    with pytest.raises(SettingsError) as caught:
        async with knowing({"https://a.example": written}):
            pass
    assert str(caught.value).startswith("auth.hosts: https://a.example: ")
    assert said in str(caught.value)


def test_settings_show_no_secrets():
    hosts = {
        "a.example": "basic me:s3cret",
        "b.example": "bearer s3cret",
        "c.example": "digest env:NAME",
        "d": "s3cret",
        "https://me:s3cret@e.example": "basic me:s3cret",
        "e": " Bearer s3cret:s3cret",
        "f": "s3cret:s3cret x",
    }
    proxies = ["http://me:s3cret@p.example:3128", "http://q.example"]
    shown = as_toml(resolve(("here", {"auth.hosts": hosts, "proxy.urls": proxies})))
    assert "s3cret" not in shown
    for part in (
        '"basic me:***"',
        '"bearer ***"',
        '"digest env:NAME"',
        "http://me:***@p.example:3128",
        "http://q.example",
    ):
        assert part in shown
    for name, value in (("auth.hosts", {"a": 1, "b": "basic me:s3cret"}), ("proxy.urls", ["http://a:s3cret@b", 1])):
        with pytest.raises(SettingsError) as caught:
            resolve(("here", {name: value}))
        assert "s3cret" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        resolve(("-s", {"auth.hosts": "[[s3cret"}))
    assert "s3cret" not in str(caught.value)


def test_a_table_of_hosts_is_one_setting():
    import acrawl.settings as layers

    for given in ({"auth": {"hosts": {"a.example": "bearer x"}}}, {"auth.hosts": {"a.example": "bearer x"}}):
        assert resolve(("spider", layers.flatten(given, "spider"))).auth.hosts == {"a.example": "bearer x"}
    assert Settings().auth.hosts == {}


@pytest.mark.asyncio
async def test_many_requests_at_once_all_get_in():
    class Lenient(Guarded):
        """Takes the counts of a nonce in any order."""

        def _proves(self, method, asked):
            good = super()._proves(method, asked)
            if good and asked["nonce"] in self.nonces:
                self.nonces[asked["nonce"]] = int(asked["nc"], 16) - 1
            return good

    server = Lenient()
    async with raw_server(server) as address, knowing({f"http://{address}": "digest user:password"}) as fetch:
        responses = await asyncio.gather(*(fetch(Request(f"http://{address}/{n}")) for n in range(20)))
        assert {response.status for response in responses} == {200}
        counts = [re.findall('nonce="(\\w+)", nc=(\\w+)', told) for told in server.told]
    used = [pair for pairs in counts for pair in pairs]
    assert len(used) == len(set(used)), "a count was used twice"
