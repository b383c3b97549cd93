"""A crawl of a site, breadth first, by the frontier's own judgement and without its queue."""

from collections import deque
from typing import NamedTuple

from acrawl.frontier.traps import Link, Traps
from acrawl.parse.gist import gist, is_looked_at

HOST = "http://site.test"


class Crawled(NamedTuple):
    """``lost`` are pages kept out that are not of a trap; ``trapped`` were fetched though they are of one.

    ``stopped``: it ended by itself, before ``most`` pages.
    """

    fetched: int
    lost: list
    trapped: int
    stopped: bool
    why: dict


def crawl(site, terms, most, host=HOST):
    """Fetch at most ``most`` pages of a site."""
    traps = Traps(terms)
    seen, queue, lost, why = {"/"}, deque([("/", 0)]), set(), {}
    fetched = trapped = 0
    while queue and fetched < most:
        path, depth = queue.popleft()
        said = traps.verdict(host, host + path) if depth else ""
        if said:
            _note(site, path, said, lost, why)
            continue
        fetched += 1
        trapped += site.of_trap(path)
        body, links = site(path)
        found = []
        for link in dict.fromkeys(links):
            if link in seen:
                continue
            seen.add(link)
            said = traps.verdict(host, host + link, host + path)
            if said:
                _note(site, link, said, lost, why)
            else:
                queue.append((link, depth + 1))
                found.append(Link(host, host + link))
        if is_looked_at(host + path):
            traps.learn(host, host + path, gist(body, markup=True), found, pages=fetched, items=False)
            for _ in traps.written():
                pass
    return Crawled(fetched, sorted(lost), trapped, not queue, why)


def _note(site, path, said, lost, why):
    word = said.partition(":")[0]
    why[word] = why.get(word, 0) + 1
    if not site.of_trap(path):
        lost.add(path)
