"""The join file and the key: written for one reader, read from three places, refused by name when they are wrong."""

from __future__ import annotations

import contextlib
import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrawl.errors import AcrawlError, KeyProblem
from acrawl.queues import join as joining
from acrawl.queues.join import Join, load_authkey

JOIN = Join("127.0.0.1", 8001, bytes(range(200, 232)), "", "", "token")


def test_what_is_written_is_read_and_private(tmp_path):
    path = tmp_path / "join.json"
    JOIN.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert joining.read(str(path)) == JOIN
    assert [file.name for file in tmp_path.iterdir()] == ["join.json"]


def test_a_readable_file_in_its_place_becomes_private(tmp_path):
    path = tmp_path / "join.json"
    path.write_text("old")
    path.chmod(0o644)
    JOIN.write(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_text_itself_and_standard_input_are_read_too(tmp_path, monkeypatch):
    path = tmp_path / "join.json"
    JOIN.write(path)
    assert joining.read(path.read_text()) == JOIN
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert joining.read("-") == JOIN


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", "{}", '{"host": 5}', '{"host": "a", "port": 1}', '{"host":"a","port":1,"authkey":"%%"}']
)
def test_a_malformed_file_is_named(text, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(AcrawlError, match=r"broken\.json"):
        joining.read(str(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AcrawlError, match="nowhere"):
        joining.read(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_refused(port, tmp_path):
    path = tmp_path / "join.json"
    Join("a", port, b"k" * 32).write(path)
    with pytest.raises(AcrawlError, match=r"join\.json"):
        joining.read(str(path))


def test_a_short_key_in_the_file_is_refused(tmp_path):
    path = tmp_path / "join.json"
    Join("127.0.0.1", 1, b"short").write(path)
    with pytest.raises(KeyProblem, match=r"join\.json"):
        joining.read(str(path))


def test_a_file_that_others_may_read_is_warned_of(tmp_path, caplog):
    path = tmp_path / "join.json"
    JOIN.write(path)
    assert joining.read(str(path)) == JOIN
    assert not caplog.records
    path.chmod(0o644)
    assert joining.read(str(path)) == JOIN
    assert "chmod 600" in caplog.text


def test_no_secret_shows_in_a_log():
    assert "token" not in repr(JOIN)
    assert repr(JOIN.authkey) not in repr(JOIN)
    assert "8001" in repr(JOIN)


@given(st.binary(max_size=200))
def test_any_text_is_a_join_file_or_is_refused(data):
    with contextlib.suppress(AcrawlError):
        joining.read("{" + data.decode("utf-8", "replace"))


def test_a_key_of_ones_own(tmp_path):
    path = tmp_path / "key"
    path.write_bytes("schlüssel mit umlaut\n".encode())
    assert load_authkey(path) == "schlüssel mit umlaut".encode()
    assert load_authkey(None, "sixteen bytes ok") == b"sixteen bytes ok"
    assert load_authkey(path, "the file goes first") == "schlüssel mit umlaut".encode()
    assert load_authkey(None) is None


@pytest.mark.parametrize("data", [b"", b"short\n", b"fifteen bytes..\n", b"\xff" * 32])
def test_a_key_that_cannot_be_one_is_refused(data, tmp_path):
    path = tmp_path / "key"
    path.write_bytes(data)
    with pytest.raises(KeyProblem, match="key"):
        load_authkey(path)
