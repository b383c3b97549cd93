"""Challenges as servers write them, and the answers of RFC 7616."""

import pytest

from acrawl.fetch.digest import Digest, best, challenges

MUFASA = {
    "realm": "http-auth@example.org",
    "qop": "auth, auth-int",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def said(answer):
    """The parameters of an Authorization header, by our own reading of such lists."""
    assert answer.startswith("Digest ")
    return challenges([answer])[0].parameters


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616_3_9_1(algorithm, response):
    digest = Digest("Mufasa", "Circle of Life", {**MUFASA, "algorithm": algorithm}, CNONCE)
    assert digest.answer("GET", "/dir/index.html", b"") == (
        'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
        f'algorithm={algorithm}, nonce="{MUFASA["nonce"]}", nc=00000001, cnonce="{CNONCE}", qop=auth, '
        f'response="{response}", opaque="{MUFASA["opaque"]}"'
    )


def test_the_example_of_rfc_7616_3_9_2_as_its_erratum_mends_it():
    asked = {
        "realm": "api@example.org",
        "qop": "auth",
        "algorithm": "SHA-512-256",
        "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        "opaque": "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDssOS",
        "charset": "UTF-8",
        "userhash": "true",
    }
    digest = Digest("Jäsøn Doe", "Secret, or not?", asked, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    answer = said(digest.answer("GET", "/doe.json", b""))
    assert answer["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert answer["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert answer["userhash"] == "true"


def test_the_example_of_rfc_2617_3_5():
    asked = {"realm": "testrealm@host.com", "qop": "auth,auth-int", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    answer = said(Digest("Mufasa", "Circle Of Life", asked, "0a4f113b").answer("GET", "/dir/index.html", b""))
    assert answer["response"] == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in answer


def test_without_qop_the_answer_is_that_of_rfc_2069():
    asked = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    answer = said(Digest("Mufasa", "CircleOfLife", asked, "x").answer("GET", "/dir/index.html", b""))
    assert answer["response"] == "1949323746fe6a43ef61f9606e7febea"  # the RFC's example, as its erratum 749 mends it
    assert not answer.keys() & {"nc", "cnonce", "qop"}


def test_requests_are_counted():
    digest = Digest("u", "p", MUFASA, "c")
    answers = [said(digest.answer("GET", "/", b"")) for _ in range(17)]
    assert [answer["nc"] for answer in answers] == [f"{n:08x}" for n in range(1, 18)]
    assert len({answer["response"] for answer in answers}) == 17


def test_a_body_is_covered_where_the_server_wants_it():
    asked = {**MUFASA, "qop": "auth-int"}
    one, other = (said(Digest("u", "p", asked, "c").answer("POST", "/", body)) for body in (b"1", b"2"))
    assert one["qop"] == "auth-int"
    assert one["response"] != other["response"]


def test_a_session_hashes_its_nonces_into_the_secret():
    plain = said(Digest("u", "p", {**MUFASA, "algorithm": "MD5"}, "c").answer("GET", "/", b""))
    session = said(Digest("u", "p", {**MUFASA, "algorithm": "MD5-sess"}, "c").answer("GET", "/", b""))
    assert session["algorithm"] == "MD5-sess"
    # MD5(HA1:nonce:00000001:c:auth:MD5(GET:/)) with HA1 = MD5(MD5(u:realm:p):nonce:c) (RFC 7616, 3.4.2)
    assert session["response"] == "1df0f3190eba0b9bb73e238f9ef27fdc"
    assert session["response"] != plain["response"]


def test_a_name_that_is_no_ascii_is_written_as_the_rfc_says():
    answer = Digest("Jäsøn", "p", {**MUFASA, "charset": "UTF-8"}, "c").answer("GET", "/", b"")
    assert "username*=UTF-8''J%C3%A4s%C3%B8n" in answer


def test_quotes_and_backslashes_survive():
    asked = challenges(['Digest realm="a \\"b\\" \\\\c", nonce="n"'])[0].parameters
    assert asked["realm"] == 'a "b" \\c'
    answer = Digest('us"er', "p", asked, "c").answer("GET", "/", b"")
    assert 'realm="a \\"b\\" \\\\c"' in answer
    assert 'username="us\\"er"' in answer


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        (["Basic"], [("basic", {})]),
        (['Basic realm="simple"'], [("basic", {"realm": "simple"})]),
        # RFC 9110, 11.6.1
        (
            ['Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'],
            [("basic", {"realm": "simple"}), ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'})],
        ),
        (
            ['Newauth realm="apps", type=1', 'Basic realm="simple"'],
            [("newauth", {"realm": "apps", "type": "1"}), ("basic", {"realm": "simple"})],
        ),
        (["Negotiate, NTLM"], [("negotiate", {}), ("ntlm", {})]),
        (["Negotiate YWJj=, Basic realm=x"], [("negotiate", {}), ("basic", {"realm": "x"})]),
        (["Negotiate YWJj==, , Basic realm=x"], [("negotiate", {}), ("basic", {"realm": "x"})]),
        (['DIGEST Realm = "a, b=c" ,NONCE=n'], [("digest", {"realm": "a, b=c", "nonce": "n"})]),
        ([", , Basic realm=x,"], [("basic", {"realm": "x"})]),
        (["Basic realm=x, realm=y"], [("basic", {"realm": "x"})]),
        (['Basic realm=x, "what'], [("basic", {"realm": "x"})]),
        (["=", "", "Basic"], [("basic", {})]),
        (['Basic realm="open', "Digest realm=r"], [("basic", {}), ("digest", {"realm": "r"})]),
        ([], []),
    ],
)  # fmt: skip
def test_challenges_are_read_as_rfc_9110_writes_them(fields, read):
    assert challenges(fields) == read


def digest(**parameters):
    return 'Digest realm="r", nonce="n", ' + ", ".join(f"{name}={value}" for name, value in parameters.items())


@pytest.mark.parametrize(
    ("fields", "algorithm"),
    [
        ([digest(algorithm="MD5") + ", " + digest(algorithm="SHA-256")], "SHA-256"),
        ([digest(algorithm="SHA-256"), digest(algorithm="SHA-512-256"), digest(algorithm="MD5")], "SHA-512-256"),
        ([digest(algorithm="SHA-256-sess"), digest(algorithm="MD5")], "SHA-256-sess"),
        ([digest(algorithm="WHIRLPOOL"), digest(algorithm="md5")], "md5"),
        ([digest(algorithm="SHA-256", qop='"later"'), digest(algorithm="MD5", qop='"later,auth"')], "MD5"),
    ],
)
def test_the_strongest_that_can_be_answered_is_taken(fields, algorithm):
    assert best(challenges(fields))["algorithm"] == algorithm


@pytest.mark.parametrize(
    "field", [digest(algorithm="WHIRLPOOL"), "Digest realm=r", 'Digest nonce="n"', "Basic realm=r"]
)
def test_what_cannot_be_answered_is_not_taken(field):
    assert best(challenges([field])) is None
