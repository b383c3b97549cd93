"""What several commands have in common: options, and how settings come together."""

from __future__ import annotations

import functools
import json
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import click

import acrawl.settings as layers
from acrawl.errors import RequestError, UsageError
from acrawl.results.cloud.address import Address, is_address, path_of
from acrawl.results.cloud.address import address_of as cloud_of
from acrawl.settings import Settings
from acrawl.url import canonical

F = TypeVar("F", bound=Callable[..., Any])

#: Where the words of the command line are kept in click's contexts.
TYPED = "acrawl.typed"


class Local(click.Path):
    """A path of this machine: a URL of a bucket is refused, and not taken for the name of a folder."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=pathlib.Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`. Raises `UsageError`."""
        if isinstance(value, str) and is_address(value):
            option = param.opts[-1] if param is not None else ""
            raise UsageError(
                f"{option} {value}: name a place on this machine; buckets are for the feeds and saved files of a crawl"
            )
        return super().convert(value, param, ctx)


_SHARED = [
    click.option(
        "--workers", type=click.IntRange(0, 256), default=None, help="Local worker processes [default: cores]."
    ),
    click.option("-s", "--set", "pairs", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a setting."),
    click.option("--config", type=click.Path(path_type=pathlib.Path), help="A TOML file of settings."),
    click.option("--job", type=Local(file_okay=False), help="Where the crawl keeps its state."),
    click.option("--resume", is_flag=True, help="Go on with the crawl in the job folder, even if it differs."),
    click.option("--fresh", is_flag=True, help="Forget what is in the job folder."),
    click.option("--listen", metavar="HOST:PORT", help="Let workers of other machines join (port 8001 by default)."),
    click.option("--authkey-file", type=click.Path(path_type=pathlib.Path), help="A key of your own for --listen."),
    click.option(
        "--warc",
        type=Local(),
        metavar="PREFIX",
        help="Keep a web archive: PREFIX-00000.warc.gz.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only."),
]


class Files(click.ParamType[pathlib.Path | Address]):
    """Where saved files go: a folder, or a place in an object store, unless ``folder_only``."""

    name = "place"

    def __init__(self, *, folder_only: bool = False) -> None:
        self._folder_only = folder_only

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> pathlib.Path | Address:
        """See `click.ParamType.convert`. Raises `UsageError`."""
        if not isinstance(value, str):
            return cast("pathlib.Path | Address", value)
        option = param.opts[-1] if param is not None else "--files"
        if is_address(value):
            address = cloud_of(value, option)
            if self._folder_only:
                raise UsageError(f"{option} {address.url}: this needs a folder, and links in it; name one")
            return address
        path = path_of(value, option)
        if "://" in path:
            raise UsageError(f"{option} {path}: name a folder, or a place in s3://, gs:// or az://")
        return pathlib.Path(path)


def scoped(*places: str) -> Callable[[F], F]:
    """Add the options that say which pages belong to a crawl; ``places`` are the values of ``--scope``.

    They become settings: the command gets them among its ``pairs``.
    """

    def add(command: F) -> F:
        @functools.wraps(command)
        def with_scope(
            *, scope: str | None, allow: tuple[str, ...], deny: tuple[str, ...], pairs: tuple[str, ...], **options: Any
        ) -> Any:
            said = [f"scope.within={scope}"] if scope is not None else []
            said += [f"scope.allow={_toml_list(allow)}"] if allow else []
            said += [f"scope.deny={_toml_list(deny)}"] if deny else []
            return command(pairs=(*said, *pairs), **options)

        of = click.option("--scope", type=click.Choice(places), help="Which pages belong to the crawl [default: host].")
        only = click.option("--allow", multiple=True, metavar="REGEX", help="Of those, only what it is found in.")
        never = click.option("--deny", multiple=True, metavar="REGEX", help="Nothing that it is found in.")
        return cast("F", of(only(never(with_scope))))

    return add


def _toml_list(texts: tuple[str, ...]) -> str:
    return json.dumps(texts)  # the same in TOML


#: The job that a verb asks or mends.
job_option = click.option(
    "--job",
    type=Local(file_okay=False),
    help="The job folder [default: the only one below ./.acrawl and ./*/.acrawl].",
)


def shared(command: F) -> F:
    """Add the options that every crawl has."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


#: To visit a finished crawl once more.
again_option = click.option("--again", is_flag=True, help="Visit a finished crawl again: fetch what has changed only.")


def of_sites(command: F) -> F:
    """Add what the verbs for whole sites have in common: URLs, scope, ``--sitemaps``, and what every crawl has.

    The command gets the spider's ``arguments`` that follow from them.
    """

    @scoped("host", "domain", "path")
    @click.option("--sitemaps", is_flag=True, help="Read the sites' sitemaps as well, for what no page links to.")
    @shared
    @functools.wraps(command)
    def with_arguments(*, urls: tuple[str, ...], sitemaps: bool, **options: Any) -> Any:
        arguments = {"urls": " ".join(seeds_of(urls))} | ({"sitemaps": "yes"} if sitemaps else {})
        return command(arguments=arguments, **options)

    return cast("F", click.argument("urls", nargs=-1, required=True, metavar="URL...")(with_arguments))


def resolved(config: pathlib.Path | None, spider: dict[str, Any], pairs: tuple[str, ...]) -> Settings:
    """Settings from all places: the file, the spider, the environment, the command line."""
    places: list[tuple[str, dict[str, Any]]] = []
    if config is not None:
        places.append((str(config), layers.from_file(config)))
    places.append(("custom_settings", layers.flatten(spider, "custom_settings")))
    places.append(("environment", layers.from_environment(os.environ)))
    places.append(("-s", layers.from_pairs(pairs)))
    return layers.resolve(*places)


def arguments_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read ``-a name=value`` options."""
    arguments = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"-a {pair}: write -a name=value")
        arguments[name] = value
    return arguments


def seeds_of(urls: Iterable[str]) -> list[str]:
    """URLs as `written`, all of them."""
    return [written(url) for url in urls]


def written(url: str) -> str:
    """A URL as people write it, the scheme left out perhaps, in its canonical form. Raises `RequestError`."""
    if url.startswith(".") or (url.startswith("/") and not url.startswith("//")):
        raise RequestError(f"{url!r} is a path, no URL; write it as https://host/path")
    return canonical(url if "://" in url else f"https://{url}")


def address_of(listen: str | None) -> tuple[str, int] | None:
    """Read ``--listen``: HOST, HOST:PORT, [IPv6]:PORT or :PORT; port 8001 by default."""
    if listen is None:
        return None
    host, colon, port = listen.rpartition(":")
    if not colon or listen.endswith("]"):
        host, port = listen, "8001"
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise UsageError(f"--listen {listen}: write HOST:PORT, as in 0.0.0.0:8001")
    return host.strip("[]") or "127.0.0.1", int(port)


def typed() -> tuple[str, ...]:
    """The words of the command line with which the present command goes on later: without --fresh and --again."""
    words: list[str] = click.get_current_context().meta.get(TYPED, [])
    return tuple(word for word in words if word not in {"--fresh", "--again"})


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
