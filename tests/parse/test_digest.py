"""Digests as people and servers write them."""

import base64
import hashlib

import pytest
from multidict import CIMultiDict

from acrawl.parse.digest import ALGORITHMS, announced, given

SHA256, SHA512, SHA1, MD5 = (hashlib.new(name, b"x").digest() for name in ("sha256", "sha512", "sha1", "md5"))


def b64(value):
    return base64.b64encode(value).decode()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"sha-256={SHA256.hex()}", ("sha-256", SHA256)),
        (f"SHA256={SHA256.hex().upper()}", ("sha-256", SHA256)),
        (f"sha-256={b64(SHA256)}", ("sha-256", SHA256)),
        (f"sha-256=:{b64(SHA256)}:", ("sha-256", SHA256)),
        (f"sha-512={SHA512.hex()}", ("sha-512", SHA512)),
        (f"sha1={b64(SHA1)}", ("sha", SHA1)),
        (f" md5 = {MD5.hex()}", ("md5", MD5)),
    ],
)
def test_a_digest_is_given_in_hexadecimal_or_base64(text, found):
    assert given(text) == found


@pytest.mark.parametrize(
    "text", ["", "sha-256", SHA256.hex(), f"sha-512={SHA256.hex()}", f"crc32c={b64(b'abcd')}", "md5=zz", "sha-256=é"]
)
def test_what_is_no_digest_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="is no digest: "):
        given(text)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Repr-Digest": f"sha-256=:{b64(SHA256)}:"}, ("sha-256", SHA256)),
        ({"repr-digest": f"md5=:{b64(MD5)}:, sha-256=:{b64(SHA256)}:, sha-512=:{b64(SHA512)}:"}, ("sha-512", SHA512)),
        ({"Repr-Digest": f"sha-256=:{b64(SHA256)}:;q=1"}, ("sha-256", SHA256)),
        ({"Repr-Digest": f"sha-256=:{b64(MD5)}:, md5=:{b64(MD5)}:"}, ("md5", MD5)),
        ({"Repr-Digest": "sha-256=:***:", "Content-Digest": f"sha-256=:{b64(SHA256)}:"}, ("sha-256", SHA256)),
        ({"Digest": f"unixsum=1, SHA={b64(SHA1)}"}, ("sha", SHA1)),
        ({"Content-MD5": b64(MD5)}, ("md5", MD5)),
        ({"Content-MD5": MD5.hex()}, None),
        ({"Content-MD5": "é"}, None),
        ({"Digest": "=,,a=b=c;"}, None),
        ({}, None),
    ],
)
def test_the_strongest_digest_that_can_be_read_is_the_announced_one(headers, found):
    assert announced(CIMultiDict(headers)) == found


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_lengths_are_those_of_hashlib(algorithm):
    name, length = ALGORITHMS[algorithm]
    assert hashlib.new(name).digest_size == length
