"""What a form sends: a list of entries, and the three ways to write one (HTML standard, "Form submission"). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
PLAIN = "text/plain"

_BREAK = re.compile(r"\r\n?|\n")
#: Each byte as it stands in a query ("application/x-www-form-urlencoded percent-encode set").
_IN_QUERY = [chr(n) if chr(n).isascii() and (chr(n).isalnum() or chr(n) in "*-._") else f"%{n:02X}" for n in range(256)]
_IN_QUERY[ord(" ")] = "+"
#: What the standard calls the encodings whose Python codecs have other names.
_NAMES = {
    "utf-8": "UTF-8",
    "cp932": "Shift_JIS",
    "cp949": "EUC-KR",
    "cp866": "IBM866",
    "cp874": "windows-874",
    "big5hkscs": "Big5",
    "iso2022-jp": "ISO-2022-JP",
    "gbk": "GBK",
    "mac-roman": "macintosh",
    "mac-cyrillic": "x-mac-cyrillic",
}


class File(msgspec.Struct, frozen=True):
    """A file to upload: the name that is told, its bytes and their media type."""

    name: str
    body: bytes
    type: str = "application/octet-stream"


#: What a control without a file sends.
NO_FILE = File("", b"")
#: A name and its value, as a form has it before it is encoded.
Entry = tuple[str, str | File]


def output_encoding(codec: str) -> str:
    """The codec in which a document in this encoding sends its forms (Encoding standard, "get an output encoding")."""
    if codec.startswith("utf-16"):
        return "utf-8"
    return "gbk" if codec == "gb18030" else codec


def encoding_name(codec: str) -> str:
    """What the standard calls an encoding."""
    return _NAMES.get(codec, codec if codec.startswith("windows") else codec.upper())


def encoded(entries: Sequence[Entry], enctype: str, codec: str) -> tuple[bytes, str]:
    """Return the body of a request and its Content-Type. An ``enctype`` that is none of the three is urlencoded."""
    if enctype == MULTIPART:
        body, boundary = multipart(entries, codec)
        return body, f"{MULTIPART}; boundary={boundary}"
    if enctype == PLAIN:
        lines = "".join(f"{_crlf(name)}={_crlf(_text(value))}\r\n" for name, value in entries)
        return _bytes(lines, codec), PLAIN
    return urlencoded(entries, codec).encode(), URLENCODED


def urlencoded(entries: Sequence[Entry], codec: str) -> str:
    """The entries as a query (URL standard, 5.2); of a file its name is sent."""
    return "&".join(f"{_quoted(name, codec)}={_quoted(_text(value), codec)}" for name, value in entries)


def multipart(entries: Sequence[Entry], codec: str) -> tuple[bytes, str]:
    """The entries by RFC 7578 with the standard's escapes, and the boundary between them.

    The boundary is made from what stands between: the same entries make the same body, and so the same request.
    """
    parts: list[bytes] = []
    for name, value in entries:
        head = f'Content-Disposition: form-data; name="{_escaped(_crlf(name))}"'
        if isinstance(value, File):
            head += f'; filename="{_escaped(value.name)}"\r\nContent-Type: {_one_line(value.type)}'
            parts.append(_bytes(head, codec) + b"\r\n\r\n" + value.body)
        else:
            parts.append(_bytes(f"{head}\r\n\r\n{_crlf(value)}", codec))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    boundary = f"----acrawl{digest.hexdigest()[:32]}"
    mark = boundary.encode()
    written = b"".join(b"--%b\r\n%b\r\n" % (mark, part) for part in parts)
    return b"%b--%b--\r\n" % (written, mark), boundary


def _text(value: str | File) -> str:
    return value.name if isinstance(value, File) else value


def _crlf(text: str) -> str:
    return _BREAK.sub("\r\n", text) if "\n" in text or "\r" in text else text


def _escaped(text: str) -> str:
    return text.replace("\n", "%0A").replace("\r", "%0D").replace('"', "%22")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str, codec: str) -> str:
    return "".join(map(_IN_QUERY.__getitem__, _bytes(_crlf(text), codec)))


def _bytes(text: str, codec: str) -> bytes:
    """In the form's encoding, with numeric references for what it does not have; half a character is U+FFFD."""
    try:
        return text.encode(codec)
    except UnicodeEncodeError:  # the entry is sent all the same, as browsers do
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return whole.encode(codec, "xmlcharrefreplace")
