"""TLS: the one certificate the worker was told, and nothing else."""

from __future__ import annotations

import asyncio
import builtins
import shutil
import socket
import ssl

import pytest
from fake_master import IMPATIENT, FakeBroker, certified, connected, hello, serving

from acrawl.errors import AcrawlError, KeyProblem, MissingExtra
from acrawl.queues.tls import client_tls, fingerprint, make_certificate, server_context


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    return certified(tmp_path_factory.mktemp("master"))


@pytest.fixture(scope="module")
def rogue(tmp_path_factory):
    return certified(tmp_path_factory.mktemp("rogue"))


@pytest.mark.asyncio
async def test_the_right_certificate_is_accepted(master):
    context, certificate, pin = master
    async with (
        serving(FakeBroker(), tls=context) as manager,
        connected(manager.address, tls=client_tls(certificate, pin)) as client,
    ):
        assert (await client.hello(hello())).epoch == 7
        assert await client.chunk("w1", "u", 0, b"x" * (1 << 20), "") is True


@pytest.mark.asyncio
async def test_a_certificate_other_than_the_pinned_one_is_refused(master, rogue):
    _, certificate, pin = master
    for trusted, pinned in [(certificate, pin), (rogue[1], pin), (certificate, rogue[2])]:
        async with (
            serving(FakeBroker(), tls=rogue[0]) as manager,
            connected(manager.address, tls=client_tls(trusted, pinned), settings=IMPATIENT) as client,
        ):
            with pytest.raises(KeyProblem, match="certificate"):
                await client.hello(hello())


@pytest.mark.asyncio
async def test_a_wrong_key_is_refused_under_tls_too(master):
    context, certificate, pin = master
    async with (
        serving(FakeBroker(), tls=context) as manager,
        connected(manager.address, b"another key of sixteen", tls=client_tls(certificate, pin)) as client,
    ):
        with pytest.raises(KeyProblem):
            await client.hello(hello())


@pytest.mark.asyncio
async def test_a_plain_client_gets_nothing_from_a_master_with_tls(master):
    broker = FakeBroker()
    async with serving(broker, tls=master[0], auth_seconds=0.3) as manager, connected(manager.address) as client:
        with pytest.raises(AcrawlError):
            await client.hello(hello())
    assert broker.calls == []


@pytest.mark.asyncio
async def test_a_client_with_tls_refuses_a_plain_master(master):
    _, certificate, pin = master
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address, tls=client_tls(certificate, pin)) as client:
        with pytest.raises(AcrawlError):
            await client.hello(hello())
    assert broker.calls == []


@pytest.mark.asyncio
async def test_silence_and_garbage_hold_nobody_up_under_tls(master):
    context, certificate, pin = master
    async with serving(FakeBroker(), tls=context) as manager:
        silent = [socket.create_connection(manager.address) for _ in range(20)]
        silent[0].sendall(b"GET / HTTP/1.0\r\n\r\n")
        try:
            async with connected(manager.address, tls=client_tls(certificate, pin)) as client:
                await asyncio.wait_for(client.hello(hello()), 5)
        finally:
            for peer in silent:
                peer.close()


@pytest.mark.asyncio
async def test_a_parked_call_under_tls_ends_on_close(master):
    context, certificate, pin = master
    broker = FakeBroker()
    async with (
        serving(broker, tls=context) as manager,
        connected(manager.address, tls=client_tls(certificate, pin)) as client,
    ):
        await client.hello(hello())
        parked = asyncio.create_task(client.lease("w1", 1, 20.0))
        await broker.parked.wait()
        await asyncio.wait_for(client.close(), 5)
        await asyncio.gather(parked, return_exceptions=True)


def test_old_protocols_are_refused(master):
    context, certificate, pin = master
    for made in (context, client_tls(certificate, pin).context):
        assert made.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_certificate_is_made_once_and_its_key_is_private(tmp_path):
    certificate, key = make_certificate(tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600
    first = certificate.read_text(), key.read_text()
    assert make_certificate(tmp_path) == (certificate, key)
    assert (certificate.read_text(), key.read_text()) == first
    assert len(fingerprint(first[0])) == 64


def test_half_a_pair_is_made_anew(tmp_path):
    certificate, _key = make_certificate(tmp_path)
    certificate.unlink()
    server_context(*make_certificate(tmp_path))


def test_a_certificate_and_a_key_that_do_not_match_are_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    certificate, key = make_certificate(tmp_path / "a")
    shutil.copy(make_certificate(tmp_path / "b")[1], key)
    with pytest.raises(KeyProblem, match=r"master\.key"):
        server_context(certificate, key)


def test_without_cryptography_the_command_that_mends_it_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **kwds):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest, **kwds)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'acrawl\[tls\]'"):
        make_certificate(tmp_path)
