"""Which character encoding a document is in.

In the order of the HTML standard (13.2.3.2): byte order mark, Content-Type header, ``meta`` and XML declaration; then,
where nothing is declared, UTF-8 if the bytes are valid UTF-8, a detector's guess, and windows-1252 at last. Encodings
are called by the name of the Python codec that decodes them as browsers do (``shift_jis`` is ``cp932`` on the web).
"""

from __future__ import annotations

import codecs
import functools
import re

#: How far into a document a ``meta`` may stand. The standard suggests 1024, but pages put long comments before it.
PRESCAN = 16384
#: Where it stands in most pages, and how many beginnings of pages are remembered: those of a site are alike.
_START = 1024
_ALIKE = 256
_DETECT = 16384
_UNUSUAL = re.compile(rb"[\x80-\xff\x1b]")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_FIRST_OF_MARKS = frozenset(mark[:1] for mark, _ in _MARKS)
_HEADER = re.compile(r"charset\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s;,\"']++))", re.IGNORECASE)
_ISO = re.compile(r"iso[-_]?8859-?([0-9]{1,2})(?::[0-9]{4})?\Z")
_WINDOWS = re.compile(r"(?:cp|x-cp|windows-)(125[0-8])\Z")
_NAME = re.compile(rb"[^\t\n\f\r />][^\t\n\f\r />=]*+")
_SKIP = re.compile(rb"[\t\n\f\r /]*+")
_EQUALS = re.compile(rb"[\t\n\f\r ]*+=[\t\n\f\r ]*+")
_BARE = re.compile(rb"[^\t\n\f\r >]*+")
_TAG = re.compile(rb"</?[a-zA-Z][^\t\n\f\r >]*+")
_CHARSET = re.compile(r"charset[\t\n\f\r ]*+=[\t\n\f\r ]*+(\"[^\"]*\"|'[^']*'|[^\t\n\f\r ;\"'][^\t\n\f\r ;]*)", re.I)
_XML = re.compile(rb"<\?xml[^>]*?encoding[\x00-\x20]*+=[\x00-\x20]*+(?:\"([^\"> ]+)\"|'([^'> ]+)')")

#: Labels of the Encoding standard (4.2) by the Python codec that decodes them; ISO 8859 and windows-125x are computed.
_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso-8859-2": "csisolatin2 iso-ir-101 l2 latin2",
    "iso-8859-3": "csisolatin3 iso-ir-109 l3 latin3",
    "iso-8859-4": "csisolatin4 iso-ir-110 l4 latin4",
    "iso-8859-5": "csisolatincyrillic cyrillic iso-ir-144",
    "iso-8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i "
    "iso-ir-127",
    "iso-8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 sun_eu_greek",
    "iso-8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 visual csiso88598i iso-8859-8-i logical",
    "iso-8859-10": "csisolatin6 iso-ir-157 l6 latin6",
    "iso-8859-15": "csisolatin9 l9",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "dos-874 tis-620 windows-874",
    "windows-1252": "ansi_x3.4-1968 ascii cp819 csisolatin1 ibm819 iso-ir-100 l1 latin1 us-ascii x-user-defined",
    "windows-1254": "csisolatin5 iso-ir-148 l5 latin5",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022-jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
    "windows-949 uhc",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
}
_CODECS = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}
_ISO_PARTS = {"1": "windows-1252", "9": "windows-1254", "11": "cp874"}


def lookup(label: str) -> str | None:
    """Return the codec for a label as the web uses it, or None for a label that browsers do not know."""
    label = label.strip("\t\n\f\r ").lower()
    codec = _CODECS.get(label)
    if codec is None:
        if match := _WINDOWS.match(label):
            return f"windows-{match[1]}"
        if (match := _ISO.match(label)) and int(match[1]) != 12 and 1 <= int(match[1]) <= 16:
            return _ISO_PARTS.get(match[1], f"iso-8859-{int(match[1])}")
    return codec


def sniff(body: bytes, content_type: str = "", *, xml: bool = False) -> str:
    """Return the codec that decodes ``body``. In ``xml`` a ``meta`` says nothing. Never raises."""
    return declared(body, content_type, xml=xml) or _guess(body)


def declared(body: bytes, content_type: str = "", *, xml: bool = False) -> str | None:
    """Return the encoding that a byte order mark, the header or the document itself names; None without one."""
    if body[:1] in _FIRST_OF_MARKS:
        for mark, codec in _MARKS:
            if body.startswith(mark):
                return codec
    return _from_header(content_type) or (_declaration(body[:_START]) if xml else _prescan(body[:PRESCAN]))


@functools.lru_cache(256)
def charset(content_type: str) -> str:
    """Return the ``charset`` of a Content-Type header, as written; empty without one."""
    header = _HEADER.search(content_type)
    return (header[1] or header[2] or header[3] or "") if header else ""


@functools.lru_cache(256)
def _from_header(content_type: str) -> str | None:
    return lookup(charset(content_type))


def bom_length(body: bytes, encoding: str) -> int:
    """Return how many bytes of byte order mark the document begins with."""
    return next((len(mark) for mark, codec in _MARKS if codec == encoding and body.startswith(mark)), 0)


def _guess(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return _detect(body)  # not UTF-8: another encoding is looked for, and the page is still read
    if b"\x1b$" in body:
        return _detect(body)  # ISO-2022-JP is valid UTF-8
    if body[1::2].count(0) > len(body) // 4:
        return "utf-16-le"
    if body[::2].count(0) > len(body) // 4:
        return "utf-16-be"
    return "utf-8"


def _detect(body: bytes) -> str:
    """Guess from the bytes around the first that is not ASCII."""
    import cchardet

    first = _UNUSUAL.search(body)
    at = first.start() if first else 0
    start = max(0, body.rfind(b"<", max(0, at - 1024), at)) if b"<" in body[max(0, at - 1024) : at] else at
    sample = body[start : start + _DETECT]
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if sum(char > "\x7f" for char in text) > 5 * broken > 0:
        return "utf-8"  # with a few bytes that are not
    found = lookup(cchardet.detect(sample)["encoding"] or "")
    # DOS and Macintosh encodings are guesses at short texts; the web has nearly none of them.
    return found if found and found != "utf-8" and not found.startswith("mac") else "windows-1252"


def _prescan(head: bytes) -> str | None:
    """Look for a ``meta`` that names the encoding (HTML standard, "prescan a byte stream")."""
    if wide := _wide(head):
        return wide
    start = head[:_START].lower().find(b"charset")
    end = head.find(b">", start, _START) + 1 if start >= 0 else 0
    found = _meta_of_beginning(head[:end]) if end else None
    if found is None and b"charset" in head.lower():
        found = _meta(head)
    return found or _xml(head)


def _declaration(head: bytes) -> str | None:
    """Return what an XML declaration names, or is written in (XML 1.0, appendix F)."""
    return _wide(head) or _xml(head.lstrip())


def _wide(head: bytes) -> str | None:
    """Return the UTF-16 that an XML declaration without a byte order mark is written in."""
    if head.startswith(b"<\0?\0x\0"):
        return "utf-16-le"
    return "utf-16-be" if head.startswith(b"\0<\0?\0x") else None


def _meta(head: bytes) -> str | None:
    """Return what the first ``meta`` names that names an encoding and ends within these bytes."""
    position = head.find(b"<")
    while position >= 0:
        if head.startswith(b"<!--", position):
            position = head.find(b"-->", position + 2)
            position += 3 if position >= 0 else len(head) + 3
        elif tag := _TAG.match(head, position):
            attributes, position = _attributes(head, tag.end())
            if tag[0].lower().rstrip(b"/") == b"<meta" and position >= 0:
                found = _from_meta(attributes)
                if found:
                    return found
        elif head[position + 1 : position + 2] in (b"!", b"/", b"?"):
            position = head.find(b">", position)
        else:
            position += 1
        position = head.find(b"<", position) if position >= 0 else -1
    return None


_meta_of_beginning = functools.lru_cache(_ALIKE)(_meta)


def _attributes(head: bytes, position: int) -> tuple[dict[bytes, bytes], int]:
    """Read the attributes of a tag; the position is -1 where the data ended before the tag did."""
    found: dict[bytes, bytes] = {}
    while True:
        skip = _SKIP.match(head, position)
        position = skip.end() if skip else position
        if head[position : position + 1] == b">":
            return found, position + 1
        name = _NAME.match(head, position)
        if name is None:
            return found, -1
        position, value = name.end(), b""
        if equals := _EQUALS.match(head, position):
            position = equals.end()
            quote = head[position : position + 1]
            if quote in (b'"', b"'"):
                end = head.find(quote, position + 1)
                if end < 0:
                    return found, -1
                value, position = head[position + 1 : end], end + 1
            elif bare := _BARE.match(head, position):
                value, position = bare[0], bare.end()
        if position >= len(head):
            return found, -1
        found.setdefault(name[0].lower(), value)


def _from_meta(attributes: dict[bytes, bytes]) -> str | None:
    label = attributes.get(b"charset")
    if label is not None:
        found = lookup(label.decode("latin-1"))
    elif attributes.get(b"http-equiv", b"").lower() == b"content-type":
        match = _CHARSET.search(attributes.get(b"content", b"").decode("latin-1"))
        found = lookup(match[1].strip("\"'")) if match else None
    else:
        return None
    return "utf-8" if found in ("utf-16-le", "utf-16-be") else found


def _xml(head: bytes) -> str | None:
    match = _XML.match(head)
    found = lookup((match[1] or match[2]).decode("latin-1")) if match else None
    return "utf-8" if found in ("utf-16-le", "utf-16-be") else found
