"""Who may import whom: a room imports rooms of earlier groups only, and rooms of one group are blind to each other."""

import ast
import graphlib
import pathlib

ROOMS = """errors clock version | settings url job cluster temporary | logs spelling | parse | cookie | request | ticket
 | outcome figures | body | response | forms linkextractor | spider frontier fetch results monitor | queues
 | worker master | spiders | scrapy testing | demo | cli | __main__"""
RANK = {room: i for i, group in enumerate(ROOMS.split("|")) for room in group.split()}
#: Third-party and system packages, and the only modules (or the only room) that may import them.
ADDRESSES = {
    "aiohttp": {
        "fetch.connections",
        "fetch.failures",
        "fetch.names",
        "fetch.origin",
        "fetch.tunnel",
        "monitor.web",
        "results.feeds.webhook",
        "testing.server",
        "demo.server",
    },
    "pyarrow": {"results.feeds.arrow", "results.feeds.parquet"},
    "psycopg": {"results.feeds.postgresql"},
    "obstore": {"results.cloud.bucket"},
    "redis": {"frontier.redis"},
    "multiprocessing": {"queues.wire", "queues.server", "queues.client", "cluster"},
    "sqlite3": {
        "frontier.database",
        "frontier.schema",
        "results.catalog",
        "results.publish.linkbook",
        "results.listing",
        "results.looks",
        "results.survey",
        "results.publish.register",
        "results.feeds.sqlite",
        "results.warc.index",
    },
    "selectolax": {"parse"},
    "parsel": {"parse.trees", "parse.selectors"},
    "lxml": {"parse.trees"},
    "IPython": {"cli.console"},
    "PIL": {"results.imaging.decoding", "results.previews"},
    "ada_url": {"url", "fetch.tls"},
    "cryptography": {"queues.tls"},
    "aiohappyeyeballs": {"fetch.tunnel"},
    "python_socks": {"fetch.tunnel"},
    "brotli": {"fetch.decode"},
    "backports": {"fetch.decode", "results.feeds.compression"},
    "markdownify": {"parse.markdown_rules"},
    "bs4": {"parse.markdown_rules"},
    "itemloaders": {"scrapy.loader", "scrapy.loader.processors"},
    "itemadapter": {"scrapy.loader"},
}
SRC = pathlib.Path(__file__).parent.parent / "src" / "acrawl"


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):  # walks functions and TYPE_CHECKING blocks too
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def modules():
    for path in sorted(SRC.rglob("*.py")):
        module = ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")
        if module != "__init__":  # the public face may import anything; nothing inside may import it
            yield path, module


def test_every_room_has_a_place():
    assert {module.partition(".")[0] for _, module in modules()} <= RANK.keys()


def test_rooms_import_downwards_only():
    wrong = []
    for path, module in modules():
        room = module.partition(".")[0]
        for name in imports(path):
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if top == "acrawl" and target != room and RANK.get(target, 99) >= RANK[room]:
                wrong.append(f"{module} must not import {name}")
            if ADDRESSES.get(top, {module}).isdisjoint((module, room)):
                wrong.append(f"{module} must not import {top}")
    assert not wrong, "\n".join(wrong)


def test_there_are_no_cycles():
    graph = {module: {name.removeprefix("acrawl.") for name in imports(path)} for path, module in modules()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError naming the cycle


def test_files_stay_small():
    long = {module: n for path, module in modules() if (n := len(path.read_text().splitlines())) > 400}
    assert not long, f"over 400 lines: {long}"
