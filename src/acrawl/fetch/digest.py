"""What a server asks for in WWW-Authenticate (RFC 9110, 11.6.1), and the Digest that answers it (RFC 7616). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_gap = re.compile(r"[\s,]*").match
_parameter = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))[ \t]*(?=,|\Z)').match
_scheme = re.compile(rf"({_WORD})(?:[ \t]+|(?=,|\Z))").match
_token68 = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|\Z)").match

#: Characters of a challenge that is answered. All of it goes back to the server, and is kept for the next request.
_LONGEST = 4096
#: How to hash, by the names of RFC 7616 in lower case, best first.
_HASHES = {"sha-512-256": "sha512_256", "sha-256": "sha256", "md5": "md5"}


class Challenge(NamedTuple):
    """One way in that a server offers: the scheme in lower case, its parameters by their names in lower case."""

    scheme: str
    parameters: dict[str, str]


def challenges(values: Iterable[str]) -> list[Challenge]:
    """Read the fields of one name; each may hold several challenges. Of a malformed field the beginning counts."""
    found: list[Challenge] = []
    for text in values:
        at, first = 0, len(found)
        while (at := _end(_gap(text, at))) < len(text):
            if len(found) > first and (match := _parameter(text, at)):
                name, quoted, plain = match.groups()
                value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
                found[-1].parameters.setdefault(name.lower(), value)
            elif match := _scheme(text, at):
                found.append(Challenge(match[1].lower(), {}))
                if not _parameter(text, match.end()):
                    match = _token68(text, match.end()) or match
            else:
                break
            at = match.end()
    return found


def _end(match: re.Match[str] | None) -> int:
    assert match is not None
    return match.end()


def best(offered: Iterable[Challenge]) -> dict[str, str] | None:
    """Return the parameters of the strongest Digest that can be answered; None without one."""
    usable = [one.parameters for one in offered if one.scheme == "digest" and _is_usable(one.parameters)]
    strength = list(_HASHES)
    return min(usable, key=lambda one: strength.index(_algorithm(one)[0]), default=None)


def _is_usable(asked: Mapping[str, str]) -> bool:
    offered = _qops(asked)
    has_qop = not offered or bool(offered & {"auth", "auth-int"})
    name, _ = _algorithm(asked)
    if not has_qop or not {"realm", "nonce"} <= asked.keys() or sum(map(len, (*asked, *asked.values()))) > _LONGEST:
        return False
    return _HASHES.get(name, "") in hashlib.algorithms_available


def _algorithm(asked: Mapping[str, str]) -> tuple[str, bool]:
    """The hash's name, and whether it is one of the ``-sess`` variants."""
    name = asked.get("algorithm", "MD5").lower()
    return name.removesuffix("-sess"), name.endswith("-sess")


def _qops(asked: Mapping[str, str]) -> set[str]:
    return {word.strip().lower() for word in asked.get("qop", "").split(",")} - {""}


class Digest:
    """Answers to one challenge: as many as there are requests, each counted (``nc``).

    ``asked`` are the parameters of a challenge that `best` gave, ``cnonce`` is random text; one serves all requests,
    which the ``-sess`` algorithms need and the others allow.
    """

    def __init__(self, user: str, password: str, asked: Mapping[str, str], cnonce: str) -> None:
        name, is_session = _algorithm(asked)
        self._hash_name = _HASHES[name]
        self.asked = asked
        self._utf8 = asked.get("charset", "").lower() == "utf-8"
        self._user = user
        self._cnonce = cnonce
        self.realm = asked["realm"]
        self.count = 0
        secret = self._hash(b":".join(map(self._bytes, (user, self.realm, password))))
        if is_session:
            secret = self._hash(f"{secret}:".encode() + self._bytes(asked["nonce"]) + f":{cnonce}".encode())
        self._secret = secret

    def answer(self, method: str, uri: str, body: bytes) -> str:
        """Return the value of Authorization for one request; ``uri`` as in its first line (RFC 7616, 3.4)."""
        asked, offered = self.asked, _qops(self.asked)
        qop = "auth" if "auth" in offered else "auth-int" if offered else ""
        self.count += 1
        count = f"{self.count:08x}"
        about = f"{method}:{uri}" + (f":{self._hash(body)}" if qop == "auth-int" else "")
        proved = self._hash(about.encode())
        middle = [self._bytes(asked["nonce"]), *(part.encode() for part in (count, self._cnonce, qop) if qop)]
        response = self._hash(b":".join((self._secret.encode(), *middle, proved.encode())))
        fields = [self._name(), f"realm={_quoted(self.realm)}", f"uri={_quoted(uri)}"]
        if "algorithm" in asked:
            fields.append(f"algorithm={asked['algorithm']}")
        fields.append(f"nonce={_quoted(asked['nonce'])}")
        if qop:
            fields += [f"nc={count}", f'cnonce="{self._cnonce}"', f"qop={qop}"]
        fields.append(f'response="{response}"')
        if "opaque" in asked:
            fields.append(f"opaque={_quoted(asked['opaque'])}")
        if self._hides_name():
            fields.append("userhash=true")
        return f"Digest {', '.join(fields)}"

    def _name(self) -> str:
        if self._hides_name():
            return f'username="{self._hash(self._bytes(self._user) + b":" + self._bytes(self.realm))}"'
        if self._user.isascii():
            return f"username={_quoted(self._user)}"
        if self._utf8:
            return f"username*=UTF-8''{quote(self._user, safe='')}"  # RFC 8187
        return f"username={_quoted(self._bytes(self._user).decode('utf-8', 'surrogateescape'))}"

    def _hides_name(self) -> bool:
        return self.asked.get("userhash", "").lower() == "true"

    def _bytes(self, text: str) -> bytes:
        """As the server has it: what came from it unchanged, and a name and password in the charset it asks for."""
        if not self._utf8:
            try:
                return text.encode("latin-1")
            except UnicodeEncodeError:  # no Latin-1, or bytes of the server's that it has sent as they are
                pass
        return text.encode("utf-8", "surrogateescape")

    def _hash(self, data: bytes) -> str:
        return hashlib.new(self._hash_name, data, usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
