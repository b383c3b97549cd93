"""The stages of a fetch, in their order: a request goes down the list, and its response comes up again."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Sequence

import msgspec

from acrawl.clock import Clock
from acrawl.errors import SettingsError
from acrawl.fetch.auth import Auth
from acrawl.fetch.base import Stage
from acrawl.fetch.connections import Resolver
from acrawl.fetch.cookies import AskJar, CookieStage, Jars, keeps_cookies
from acrawl.fetch.decode import Decode
from acrawl.fetch.guard import Guard
from acrawl.fetch.proxy import proxies
from acrawl.fetch.receive import Receive
from acrawl.fetch.redirect import Redirect
from acrawl.fetch.revisit import Revisit
from acrawl.fetch.robots import Robots
from acrawl.fetch.transport import Transport
from acrawl.settings import Settings


class Ground(msgspec.Struct, frozen=True):
    """What stages are made from.

    ``transport`` stands for the real one where nothing is to be sent; ``resolver`` replaces the system's. ``login`` is
    the spider's user, password and their domain. ``ask_jar`` gets the job's cookie jars; without it cookies last as
    long as the stages.
    """

    settings: Settings
    clock: Clock
    transport: Stage | None = None
    resolver: Resolver | None = None
    login: tuple[str, str, str] = ("", "", "")
    ask_jar: AskJar | None = None


def _cookies(ground: Ground) -> Stage | None:
    if not keeps_cookies(ground.settings):
        return None
    return CookieStage(Jars(ground.settings.cookies, ground.clock, ground.ask_jar), ground.clock)


def _cache(ground: Ground) -> Stage | None:
    if ground.settings.cache.mode == "off":
        return None
    from acrawl.fetch.cache import Cache  # for those who have one; it costs a worker's start

    return Cache(ground.settings.cache, ground.settings.fetch, ground.clock)


#: How each stage is made; None where there is nothing for it to do.
MAKERS: dict[str, Callable[[Ground], Stage | None]] = {
    "guard": lambda ground: Guard(ground.settings.fetch.max_url),
    "robots": lambda ground: Robots() if ground.settings.politeness.obey_robots else None,
    "cookies": _cookies,
    "auth": lambda ground: Auth(ground.settings.auth.hosts, ground.login, ground.clock),
    "proxy": lambda ground: proxies(ground.settings.proxy, ground.clock),
    "redirect": lambda ground: Redirect(ground.settings.fetch.max_redirects),
    "revisit": lambda ground: Revisit(ground.clock) if ground.settings.cache.mode == "off" else None,
    "cache": _cache,
    "body": lambda ground: Receive(ground.settings.fetch, ground.settings.files, ground.clock),
    "decode": lambda ground: Decode(ground.settings.fetch.max_ratio),
    "transport": lambda ground: ground.transport or Transport(ground.settings, ground.clock, ground.resolver),
}
#: Without these there is no answer, or none that can be trusted; they keep this order.
NEEDED = ["guard", "body", "decode", "transport"]


def stages(ground: Ground, own: Sequence[Stage | str] = ()) -> list[Stage]:
    """Make the stages that ``fetch.stages`` names: ours by name, users' as ``module:Class``.

    ``own`` are those of the spider, as they are or by name; ``spider`` is their place. Raises `SettingsError` for a
    name that is neither, and for an order that cannot work.
    """
    names = ground.settings.fetch.stages
    if [name for name in names if name in NEEDED] != NEEDED or names[-1] != NEEDED[-1]:
        raise SettingsError(f"fetch.stages: {', '.join(NEEDED)} must be there once each, in this order, transport last")
    mode = ground.settings.cache.mode
    if mode != "off" and "cache" not in names[: names.index("body")]:
        raise SettingsError(f"fetch.stages: with cache.mode={mode} the stage cache must be there, before body")
    found: list[Stage] = []
    for name in names:
        if name == "spider":
            found += [named(stage, "the spider's stages") if isinstance(stage, str) else stage for stage in own]
        elif name not in MAKERS:
            found.append(named(name, "fetch.stages"))
        elif (stage := MAKERS[name](ground)) is not None:
            found.append(stage)
    return found


def named(name: str, where: str) -> Stage:
    """Make a user's stage by its name, without arguments. Raises `SettingsError`."""
    module, colon, attribute = name.partition(":")
    if not colon:
        ours = ["spider", *MAKERS]
        near = difflib.get_close_matches(name, ours, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ours)}, and yours as module:Class"
        raise SettingsError(f"{where}: there is no stage {name!r}; {hint}")
    try:
        stage = getattr(importlib.import_module(module), attribute)
        if inspect.isclass(stage):
            stage = stage()
    except Exception as error:  # whatever a user's module or constructor raises: nothing has begun, nothing is lost
        raise SettingsError(f"{where}: {name}: {type(error).__name__}: {error}") from error
    if not callable(stage):
        raise SettingsError(f"{where}: {name} cannot be called: a stage is `async def __call__(self, request, send)`")
    made: Stage = stage
    return made
