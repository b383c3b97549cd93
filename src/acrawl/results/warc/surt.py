"""The keys of an index: URLs that sort by domain and host (SURT, "Sort-friendly URI Reordering Transform").

As replay tools look them up: all in lower case, without ``www.``, with the arguments of the query in order.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_WWW = re.compile(r"^www\d*\.")
_PORTS = {"http": 80, "https": 443}


def surt(url: str) -> str:
    """Return the key of an http(s) URL: ``http://www.Example.com:8080/A/?y=2&x=1`` is ``com,example:8080)/a?x=1&y=2``.

    An address stays as it is. The slash at the end of a path goes, but for the only one.
    """
    parts = urlsplit(url.lower())
    host, port = _WWW.sub("", (parts.hostname or "").rstrip(".")), parts.port
    if ":" in host:
        host = f"[{host}]"
    elif not host.replace(".", "").isdecimal():
        host = ",".join(reversed(host.split(".")))
    if port is not None and port != _PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    path = parts.path.rstrip("/") or "/"
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    key = f"{host}){path}?{query}" if query else f"{host}){path}"
    return key.replace(" ", "%20")  # a space ends the key in a line of the index
