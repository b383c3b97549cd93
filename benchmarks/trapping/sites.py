"""Sites that are computed, page by page: ``page(path)`` returns its HTML with the links in it.

Real ones end; those of `traps` do not, and ``of_trap`` tells which of their pages are no loss.
"""

import datetime
import random
import re
import zlib

_WORDS = [a + b + c for a in "bcdfghklmnprstvw" for b in "aeiou" for c in "rnstlmdk"]
_NAV = "".join(f'<a href="/nav/{n}">A section of this site, number {n}</a>' for n in range(12))


def words(key, count):
    """Words that belong to a key, always the same."""
    chance = random.Random(zlib.crc32(key.encode()))
    return " ".join(chance.choice(_WORDS) + chance.choice(_WORDS) for _ in range(count))


def html(title, text, links):
    """A page with a frame that all pages have."""
    anchors = "".join(f'<li><a href="{link}">{link[-12:]}</a></li>' for link in links)
    return (
        f"<html><head><title>{title}</title></head><body><nav>{_NAV}</nav><h1>{title}</h1>{text}<ul>{anchors}</ul>"
        "<footer>All rights are reserved by those who made this site.</footer></body></html>"
    ).encode(), [*links, *(f"/nav/{n}" for n in range(12))]


def listing(path, count, each, of):
    """The n-th of a row of lists, with what it lists and the way to the next."""
    number = int(re.search(r"(\d+)$", path)[1])
    links = [of(k) for k in range(number * each, min(count, (number + 1) * each))]
    if (number + 1) * each < count:
        links.append(path[: path.rfind(str(number))] + str(number + 1))
    return links


class Site:
    """``size`` is the number of its pages that count."""

    def __init__(self, size):
        self.size = size

    def __call__(self, path):
        if path.startswith("/nav/"):
            return html("Section", f"<p>{words(path, 30)}</p>", [])
        if path == "/":
            return html("Home", "<p>Welcome to this site, whoever you are.</p>", self.home())
        return self.page(path)

    def of_trap(self, path):
        return False


class News(Site):
    """Articles by date; each leads to the ones before and behind it."""

    def home(self):
        return ["/archive/0"]

    def _article(self, k):
        day = datetime.date(2005, 1, 1) + datetime.timedelta(k // 30)
        return f"/{day:%Y/%m/%d}/{words(str(k), 3).replace(' ', '-')}-{k}"

    def page(self, path):
        if path.startswith("/archive/"):
            return html("Archive", "", listing(path, self.size, 50, self._article))
        k = int(path.rpartition("-")[2])
        near = [self._article(n) for n in (k - 1, k + 1) if 0 <= n < self.size]
        return html(words(path, 5), f"<p>{words(path, 60)}</p>", near)


class Blog(News):
    """Nothing but a way from each article to the next: a chain as long as the site."""

    def home(self):
        return [self._article(0)]


class Wiki(Site):
    """Pages that lead to many others."""

    def home(self):
        return ["/wiki/0"]

    def page(self, path):
        k = int(path[6:])
        links = [f"/wiki/{n}" for n in (2 * k + 1, 2 * k + 2, (k * 7919 + 13) % self.size, (k * 31) % self.size)]
        return html(words(path, 2), f"<p>{words(path, 40)}</p>", [one for one in links if int(one[6:]) < self.size])


class Shop(Site):
    """Products with a name, a price, a picture and others like them; lists of them by page."""

    def home(self):
        return ["/products?page=0"]

    def page(self, path):
        if path.startswith("/products"):
            return html("Products", "", listing(path, self.size, 24, lambda k: f"/product/{100000 + k}"))
        k = int(path[9:]) - 100000
        like = [f"/product/{100000 + (k * 17 + n) % self.size}" for n in range(4)]
        return html(words(path, 2), f"<img src='/pictures/{k}.jpg'><b>{k % 500},99</b>", like)


class Forum(Site):
    """Topics of several pages, reached by lists."""

    def home(self):
        return ["/viewforum.php?f=2&start=0"]

    def page(self, path):
        if "forum" in path:
            return html("Forum", "", listing(path, self.size // 4, 25, lambda k: f"/viewtopic.php?t={k}&start=0"))
        if "member" in path:
            return html("Profile", f"<p>{words(path, 8)}</p>", [])
        topic, start = map(int, re.findall(r"\d+", path))
        onward = [f"/viewtopic.php?t={topic}&start={start + 20}"] if start < 60 else []
        posts = "".join(f"<div>{words(f'{path} {n}', 15)}</div>" for n in range(5))
        return html(words(str(topic), 4), posts, [*onward, f"/memberlist.php?mode=viewprofile&u={topic % 997}"])


class Photos(Site):
    """A picture a page, no text, forward and back."""

    def home(self):
        return ["/photo/0"]

    def page(self, path):
        k = int(path[7:])
        return html("Photo", f'<img src="/large/{k}.jpg" alt="">', [f"/photo/{k + 1}"] if k + 1 < self.size else [])


class GitWeb(Site):
    """Commits and what they changed, each in a chain; names are 40 hexadecimal digits."""

    def home(self):
        return [self._view("commit", 0)]

    def _view(self, action, k):
        return f"/git/?p=project.git;a={action};h={k:08x}{zlib.crc32(b'%d' % k):032x}"

    def page(self, path):
        k = int(path[path.find(";h=") + 3 :][:8], 16)
        links = [self._view(a, n) for a in ("commit", "commitdiff", "tree") for n in (k, k + 1) if n < self.size]
        return html("project / commit", f"<pre>{words(path, 12)}</pre>", links)


class Manuals(Site):
    """The same pages in ten versions, each linking within its own."""

    def home(self):
        return [f"/docs/{version}/0.html" for version in range(8, 18)]

    def page(self, path):
        _, _, version, name = path.split("/")
        k, most = int(name[:-5]), self.size // 10
        links = [f"/docs/{version}/{n}.html" for n in (k + 1, 2 * k + 1, 3 * k + 1) if n < most]
        return html(words(name, 3), f"<p>{words(name, 40)}</p>", links)


REAL = {
    "news archive /2019/03/12/slug": (News, 200_000),
    "blog, each article leads to the next": (Blog, 20_000),
    "wiki /wiki/Title": (Wiki, 1_000_000),
    "shop /product/123456": (Shop, 50_000),
    "forum /viewtopic.php?t=&start=": (Forum, 100_000),
    "photographs without a word, in a chain": (Photos, 20_000),
    "git web view ?p=;a=;h=": (GitWeb, 30_000),
    "ten versions of one manual": (Manuals, 40_000),
}
