"""TLS: the one certificate the worker was told, and nothing else."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
import textwrap

import pytest
from fake_master import IMPATIENT, FakeBroker, certified, connected, hello, serving, until

from acrawl.errors import AcrawlError, FolderProblem, KeyProblem
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
async def test_a_plain_client_gets_nothing_from_a_master_with_tls(master, hasty):
    broker = FakeBroker()
    async with serving(broker, tls=master[0], auth_seconds=0.3) as manager, connected(manager.address) as client:
        with pytest.raises(AcrawlError):
            await client.hello(hello())
    assert broker.calls == []


@pytest.mark.asyncio
async def test_a_client_with_tls_refuses_a_plain_master(master, hasty):
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


@pytest.mark.asyncio
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_protocols_carry_every_size(version, master):
    context, certificate, pin = master
    tls = client_tls(certificate, pin)
    tls.context.maximum_version = tls.context.minimum_version = version
    broker = FakeBroker()
    broker.work = [bytes(3_000_000)]
    async with serving(broker, tls=context) as manager, connected(manager.address, tls=tls) as client:
        assert (await client.hello(hello())).epoch == 7
        for size in (0, 1, 16_379, 16_384, 16_385, 100_000):
            assert await client.chunk("w1", "u", 0, b"x" * size, "") is True
        assert len((await client.lease("w1", 1, 1.0)).tickets[0].leases[0].body) == 3_000_000


@pytest.mark.asyncio
async def test_the_master_hears_under_tls_that_a_parked_worker_has_gone(master):
    context, certificate, pin = master
    broker = FakeBroker()
    async with serving(broker, tls=context) as manager:
        async with connected(manager.address, tls=client_tls(certificate, pin)) as client:
            await client.hello(hello())
            parked = asyncio.create_task(client.lease("w1", 1, 20.0))
            await broker.parked.wait()
        await asyncio.gather(parked, return_exceptions=True)
        await until(lambda: broker.lost == ["w1"], 5)


@pytest.mark.parametrize("text", ["", "garbage", "é", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused_by_name(text):
    with pytest.raises(KeyProblem, match="certificate cannot be read"):
        client_tls(text, "0" * 64)


@pytest.mark.parametrize("text", ["", "garbage", "é", "-----BEGIN CERTIFICATE-----\n%%%"])
def test_what_is_no_certificate_has_no_fingerprint(text):
    with pytest.raises(KeyProblem, match="no PEM certificate"):
        fingerprint(text)


@pytest.mark.asyncio
@pytest.mark.parametrize("pin", ["", "é", "0" * 64])
async def test_a_pin_that_cannot_be_one_is_refused(pin, master):
    context, certificate, _ = master
    async with (
        serving(FakeBroker(), tls=context) as manager,
        connected(manager.address, tls=client_tls(certificate, pin)) as client,
    ):
        with pytest.raises(KeyProblem, match="another certificate"):
            await client.hello(hello())


def test_a_key_that_others_could_read_is_replaced_by_one_that_they_cannot(tmp_path):
    key = tmp_path / "master.key"
    key.write_text("old")
    key.chmod(0o644)
    with key.open() as already_open:
        make_certificate(tmp_path)
        assert already_open.read() == "old"
    assert key.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["master.crt", "master.key"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FolderProblem, match="nowhere"):
        make_certificate(tmp_path / "nowhere")


def test_a_machine_without_cryptography_runs_plain_queues_and_names_the_command(tmp_path):
    """In a process of its own, where the package was never imported."""
    script = textwrap.dedent("""
        import pathlib, sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "cryptography":
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Missing())
        from acrawl.errors import MissingExtra
        from acrawl.queues import client, join, server, tls
        try:
            tls.make_certificate(pathlib.Path(sys.argv[1]))
        except MissingExtra as error:
            print(error)
    """)
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip().endswith("pip install 'acrawl[tls]'")
    assert list(tmp_path.iterdir()) == []
