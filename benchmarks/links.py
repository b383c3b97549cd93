"""The web of `frontier.py`: pages whose links a crawler has mostly seen, on hosts by a power law.

Nothing is kept for a URL: the n-th URL of a host is a function of both numbers, so that one of all those seen can be
drawn from the hosts' counts alone, and ten million cost this process no memory that would count as the frontier's.
"""

import random
from array import array

from acrawl.outcome import FETCHED, Outcome
from acrawl.request import Request, seal
from acrawl.url import host_of

HOSTS = 200_000
LINKS = 20
#: How many of a page's links lead to its own host, and how many of all are new.
OWN, NEW = 0.8, 0.15
_SECTIONS = ("articles", "products", "wiki", "forum/topics", "en/documentation", "blog")


class Links:
    """Draws links; ``secret`` is the job's."""

    def __init__(self, secret, seed=1):
        self.counts = array("I", bytes(4 * HOSTS))
        self._secret = secret
        self._random = random.Random(seed)

    def any_host(self):
        """The k-th host is drawn with a chance of 1/k."""
        return int((HOSTS + 1) ** self._random.random()) - 1

    def new(self, host, page):
        """The host's next URL."""
        number = self.counts[host]
        self.counts[host] = number + 1
        return self._sealed(host, number, page)

    def seen(self, host, page):
        """One of the host's URLs, each as likely as the other."""
        count = self.counts[host]
        return self._sealed(host, int(count * self._random.random()), page) if count else self.new(host, page)

    def page(self, url):
        """The links of a page as its worker would send them."""
        chance, own = self._random.random, number_of(url)
        hosts = [own if chance() < OWN else self.any_host() for _ in range(LINKS)]
        return [self.new(host, url) if chance() < NEW else self.seen(host, url) for host in hosts]

    def growth(self, url, count):
        """``count`` new links, most of them to one host by the power law: with them the web keeps its shape."""
        hub, chance = self.any_host(), self._random.random
        return [self.new(hub if chance() < OWN else self.any_host(), url) for _ in range(count)]

    def _sealed(self, host, number, page):
        section = _SECTIONS[(host + number) % 6]
        url = f"https://www.site{host:06d}.example/{section}/{number * 2654435761 % 2**32:08x}-{number}.html"
        return seal(Request(url, referrer=page, depth=3), self._secret)


def number_of(url):
    """The number of the host of a URL."""
    return int(host_of(url)[16:22])


def outcomes(tickets, requests, items=()):
    """Answer every lease of a batch with the links that ``requests(url)`` gives, and with items."""
    return [
        Outcome(
            lease.token, FETCHED, http_status=200, size=30_000, seconds=0.2, ago=0.2,
            requests=requests(lease.url), items=list(items),
        )
        for ticket in tickets
        for lease in ticket.leases
    ]  # fmt: skip
