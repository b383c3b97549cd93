"""What must not be reached, by address, by name, by a name that changes its mind, and by port."""

import socket

import pytest
from aiohttp.abc import AbstractResolver

from acrawl.errors import FetchError, RequestError
from acrawl.fetch.guard import BAD_PORTS, refused_address, refused_port
from acrawl.request import Request
from acrawl.settings import Fetch
from acrawl.url import host_of
from fetch.serving import Exchanging

PUBLIC = ["93.184.216.34", "8.8.8.8", "172.32.0.1", "100.128.0.1", "192.167.1.1", "2606:2800:220:1::1", "2a00:1450::1"]
REFUSED = [
    ("127.0.0.1", "loopback"),
    ("127.255.0.9", "loopback"),
    ("0.0.0.0", "this machine"),
    ("0.1.2.3", "this machine"),
    ("10.1.2.3", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("169.254.1.1", "link-local"),
    ("169.254.169.254", "metadata"),
    ("168.63.129.16", "metadata"),
    ("100.64.0.1", "provider"),
    ("100.100.100.200", "provider"),
    ("192.0.0.192", "reserved"),
    ("192.0.2.1", "documentation"),
    ("198.18.0.1", "benchmarks"),
    ("224.0.0.1", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "this machine"),
    ("::1", "loopback"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "metadata"),
    ("ff02::1", "multicast"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:a9fe:a9fe", "metadata"),
    ("::127.0.0.1", "reserved"),
    ("64:ff9b::7f00:1", "loopback"),
    ("64:ff9b:1::1", "reserved"),
    ("2002:7f00:1::", "reserved"),
    ("2001:0:1::1", "reserved"),
    ("2001:db8::1", "documentation"),
    ("4000::1", "reserved"),
    ("localhost", "not an IP address"),
    ("", "not an IP address"),
]


@pytest.mark.parametrize("address", [*PUBLIC, f"::ffff:{PUBLIC[0]}", "64:ff9b::808:808"])
def test_public_addresses_pass(address):
    assert refused_address(address) == ""


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_all_others_are_refused_by_name(address, why):
    assert why in refused_address(address)


def test_ports_of_other_protocols_are_refused():
    assert len(BAD_PORTS) == 83
    for host in ("http://example.org:22", "https://[2a00::1]:6667", "http://127.0.0.1:25"):
        assert "another protocol" in refused_port(host)
    for host in ("http://example.org", "https://[2a00::22]", "http://example.org:8080", "http://[2a00::1]:443"):
        assert refused_port(host) == ""


async def refusal(transport, url, **options) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await transport(Request(url), **options)
    return caught.value


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"],
)
async def test_no_spelling_of_loopback_leads_to_a_server_on_it(site, name):
    async with Exchanging(Fetch()) as transport:
        error = await refusal(transport, f"http://{name}:{site.origin.rpartition(':')[2]}/")
    assert error.reason == "blocked"
    assert "loopback" in error.detail
    assert not site.hits


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "[fe80::1]", "0.0.0.0", "[::1]"])
async def test_addresses_in_urls_are_refused_at_once(host):
    async with Exchanging(Fetch(connect_timeout=0.5)) as transport:
        assert (await refusal(transport, f"http://{host}/")).reason == "blocked"


@pytest.mark.asyncio
async def test_a_bad_port_is_refused_even_where_the_host_is_open():
    async with Exchanging(Fetch(allow_private=True)) as transport:
        error = await refusal(transport, "http://127.0.0.1:6000/", private_host="http://127.0.0.1:6000")
    assert (error.reason, "6000" in error.detail) == ("blocked", True)


@pytest.mark.asyncio
async def test_a_seed_opens_its_own_host_and_port_only(site, refused_url):
    opened = host_of(site.origin)
    async with Exchanging(Fetch()) as transport:
        assert (await transport(Request(site.url("/page/1")), private_host=opened)).status == 200
        assert (await refusal(transport, refused_url, private_host=opened)).reason == "blocked"
        assert (await refusal(transport, refused_url, private_host=host_of(refused_url))).reason == "refused"


@pytest.mark.asyncio
async def test_a_connection_made_under_an_open_ticket_is_not_used_without_one(site):
    async with Exchanging(Fetch()) as transport:
        await transport(Request(site.url("/page/1")), private_host=host_of(site.origin))
        assert (await refusal(transport, site.url("/page/2"))).reason == "blocked"
    assert list(site.hits) == ["/page/1"]


class Rebinding(AbstractResolver):
    """Answers with another address each time, as an attacker's name server does."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = self.answers.pop(0)
        return [
            {"hostname": host, "host": ip, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for ip in found
        ]

    async def close(self):
        pass


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1", "127.0.0.2"]])
async def test_a_name_is_judged_by_the_address_that_is_connected_to(site, answer):
    port = site.origin.rpartition(":")[2]
    async with Exchanging(Fetch(), resolver=Rebinding(answer)) as transport:
        assert (await refusal(transport, f"http://rebind.test:{port}/")).reason == "blocked"
    assert not site.hits


def test_other_spellings_are_no_urls_at_all():
    for url in ("http://127.0.0.1.1.1/", "http://[::1/", "http:///etc/passwd", "file:///etc/passwd"):
        try:
            assert host_of(Request(url).url).count("127.0.0.1") == 0
        except RequestError:
            continue
