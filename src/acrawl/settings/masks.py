"""Settings that hold secrets, as they may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Stands for what is not shown.
MASK = "***"
#: Where a secret is kept instead of standing in a setting; that may be shown.
ELSEWHERE = ("env:", "file:")
#: How credentials for a host begin.
LOGINS = ("basic", "digest", "login", "bearer")


def masked(name: str, value: Any) -> Any:
    """Return the value of the setting ``section.key`` as people may see it: the same, unless it holds secrets."""
    if name == "auth.hosts":
        return {proxy(host): _login(text) for host, text in value.items()} if isinstance(value, Mapping) else MASK
    if name == "proxy.urls":
        return [proxy(url) for url in value] if isinstance(value, list | tuple) else MASK
    return value


def proxy(url: Any) -> Any:
    """Return the URL of a proxy, or of whatever else has a user in it, without its password."""
    if not isinstance(url, str):
        return MASK
    user, at, host = url.rpartition("@")
    scheme, slashes, rest = user.partition("://")
    if ":" in scheme:  # it was in the password
        scheme, slashes, rest = "", "", user
    name, colon, _ = rest.partition(":")
    return f"{scheme}{slashes}{name}{colon and ':' + MASK}{at}{host}"


def _login(text: Any) -> str:
    scheme, _, secret = text.strip().partition(" ") if isinstance(text, str) else ("", "", "")
    secret = secret.strip()
    if scheme.lower() not in LOGINS or not secret:
        return MASK
    if secret.startswith(ELSEWHERE):
        return f"{scheme} {secret}"
    name, colon, password = secret.partition(":")
    if scheme.lower() == "bearer" or not colon:
        return f"{scheme} {MASK}"
    return f"{scheme} {name}:{password if password.startswith(ELSEWHERE) else MASK}"
