"""The join file and the key: written for one reader, read from three places, refused by name when they are wrong."""

from __future__ import annotations

import contextlib
import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrawl.errors import AcrawlError, FolderProblem, KeyProblem
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


def test_neither_a_leftover_nor_a_link_in_its_way_gets_the_key(tmp_path):
    path, elsewhere = tmp_path / "join.json", tmp_path / "elsewhere"
    elsewhere.write_text("public")
    elsewhere.chmod(0o644)
    (tmp_path / "join.json.new").symlink_to(elsewhere)
    JOIN.write(path)
    assert elsewhere.read_text() == "public"
    (tmp_path / "join.json.new").write_text("left behind by a master that was killed")
    (tmp_path / "join.json.new").chmod(0o644)
    JOIN.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["elsewhere", "join.json"]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "join.json"
    JOIN.write(path)
    with path.open("rb") as reader:
        Join("10.0.0.1", 9, b"k" * 32).write(path)
        assert joining.read(reader.read().decode()) == JOIN
    assert joining.read(str(path)).host == "10.0.0.1"


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FolderProblem, match="nowhere"):
        JOIN.write(tmp_path / "nowhere" / "join.json")


@pytest.mark.parametrize("text", ['{"host":"\udc80"}', '{"x":' + "[" * 100_000, "{", '{"host":"a","port":1e3}'])
def test_a_malformed_text_names_the_variable(text):
    with pytest.raises(KeyProblem, match=r"^ACRAWL_JOIN is no join file") as caught:
        joining.read(text)
    assert "\n" not in str(caught.value)


def test_malformed_standard_input_is_named(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no join file\n")))
    with pytest.raises(KeyProblem, match=r"^standard input is no join file"):
        joining.read("-")


def test_a_folder_in_place_of_a_file_is_named(tmp_path):
    with pytest.raises(KeyProblem, match=tmp_path.name):
        joining.read(str(tmp_path))
    with pytest.raises(KeyProblem, match=tmp_path.name):
        load_authkey(tmp_path)


@pytest.mark.parametrize("text", ["", "fifteen bytes..", "\udcff" * 20])
def test_a_key_in_the_environment_is_held_to_the_same_rules(text):
    with pytest.raises(KeyProblem, match=r"^ACRAWL_AUTHKEY"):
        load_authkey(None, text)


def test_only_line_ends_are_taken_off_a_key(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"  sixteen bytes, spaces included \r\n")
    assert load_authkey(path) == b"  sixteen bytes, spaces included "
