"""Sites with a trap in them: 200 articles, and pages without end."""

import calendar
import re
import zlib
from urllib.parse import parse_qsl, urlencode

from trapping.sites import Site, html, words

_MONTHS = [calendar.month_name[month] for month in range(1, 13)]


class Trapped(Site):
    """Articles, each of which leads into the trap, too."""

    entry = "/"

    def home(self):
        return [f"/article/{k}" for k in range(self.size)] + [self.entry]

    def page(self, path):
        if path.startswith("/article/"):
            return html(words(path, 4), f"<p>{words(path, 50)}</p>", [self.entry])
        return self.trap(path)

    def of_trap(self, path):
        return not path.startswith(("/article/", "/nav/")) and path != "/"


class Months(Trapped):
    """A calendar by month, with a page for each day; the first 24 months have events."""

    entry = "/calendar/2024/01/"

    def trap(self, path):
        year, month, *day = map(int, re.findall(r"\d+", path))
        count = (year - 2024) * 12 + month - 1
        if day:
            event = f"<p>{words(path, 12)}</p>" if self.is_event(path) else "<p>There are no events on this day.</p>"
            return html(f"{_MONTHS[month - 1]} {day[0]}, {year}", event, [])
        links = [f"/calendar/{2024 + n // 12}/{n % 12 + 1:02}/" for n in (count - 1, count + 1) if n > -600]
        days = [f"{path}{day:02}" for day in range(1, 29)]
        return html(f"Calendar of {_MONTHS[month - 1]} {year}", "<p>Choose a day to see its events.</p>", links + days)

    def is_event(self, path):
        return bool(re.match(r"/calendar/202[45]/\d\d/\d", path))

    def of_trap(self, path):
        return super().of_trap(path) and not self.is_event(path)


class Days(Trapped):
    """A calendar by day, in the query, forward and back."""

    entry = "/events?date=2024-06-01"

    def trap(self, path):
        year, month, day = map(int, path[13:].split("-"))
        count = year * 336 + (month - 1) * 28 + day - 1
        links = [f"/events?date={n // 336}-{n % 336 // 28 + 1:02}-{n % 28 + 1:02}" for n in (count - 1, count + 1)]
        return html(f"Events on {year}-{month}-{day}", "<p>There are no events on this day, sorry.</p>", links)


class Facets(Trapped):
    """200 products by five facets of six values, a page and an order; every choice leads to all others."""

    entry = "/shop/list?sort=name"
    facets = ("color", "size", "brand", "fit", "fabric")
    values = 6
    titled = False

    def trap(self, path):
        chosen = dict(parse_qsl(path.partition("?")[2]))
        links = []
        for name in (*self.facets, "sort", "page"):
            links += ["/shop/list?" + urlencode({**chosen, name: value}) for value in range(self.values)]
        wanted = [f"{k}" for k in chosen.items() if k[0] in self.facets]
        seed = zlib.crc32(path.encode())
        found = [k for k in range(200) if zlib.crc32(f"{k}{sorted(wanted)}".encode()) % 5 ** len(wanted) == 0]
        items = "".join(f"<h2>{words(f'product {(seed + k) % 200 if not wanted else k}', 4)}</h2>" for k in found[:24])
        title = (
            ", ".join(f"{name} {_MONTHS[int(value) % 12]}" for name, value in chosen.items() if value.isdecimal())
            if self.titled
            else "Products"
        )
        return html(f"{title}", f"<p>{len(found)} products</p>{items}", links)


class TitledFacets(Facets):
    """The same; each page names what was chosen in its title."""

    titled = True


class SessionQuery(Trapped):
    """A small shop that gives everybody who comes without one a session, on every page, in all links."""

    entry = "/store?sid=0"

    def trap(self, path):
        new = zlib.crc32(path.encode())
        ids = [(new * 31 + n * 7919) & 0xFFFFFFFF for n in range(5)]
        links = [self.link(f"{one:032x}", one % 60) for one in ids]
        number = re.search(r"item=(\d+)|item/(\d+)", path)
        return html("Store", f"<p>{words(f'item {number and (number[1] or number[2])}', 20)}</p>", links)

    def link(self, session, number):
        return f"/store?sid={session}&item={number}"


class SessionPath(SessionQuery):
    """The same, in the path."""

    entry = "/store/(S(0))/item/0"

    def link(self, session, number):
        return f"/store/(S({session[-24:]}))/item/{number}"


class Relative(Trapped):
    """Any path is answered with the same page, whose links are relative."""

    entry = "/about/"

    def trap(self, path):
        return html("About us", "<p>We are here for you since the beginning.</p>", [f"{path}team/", f"{path}about/"])


class Deep(Trapped):
    """A folder in a folder, of ever another name."""

    entry = "/tree/"

    def trap(self, path):
        name = words(path, 1)
        return html("A folder", f"<p>{words(path, 10)}</p>", [f"{path}{name}/"])


class Pages(Trapped):
    """Pages of a list that shows the last one again behind its end."""

    entry = "/list?page=1"

    def trap(self, path):
        number = int(path[11:])
        rows = "".join(f"<p>{words(f'row {min(number, 30)} {n}', 8)}</p>" for n in range(10))
        return html("List", rows, [f"/list?page={number + 1}"])


class Growing(Trapped):
    """A query that takes along all that it was called with."""

    entry = "/login?next=/"

    def trap(self, path):
        return html("Login", "<p>Please say who you are, and you will be let in.</p>", [f"{path}&next={len(path)}"])


class Filters(Trapped):
    """Filters in the path, in any order."""

    entry = "/all/"

    def trap(self, path):
        chosen = path.strip("/").split("/")[1:]
        more = [f"{name}-{value}" for name in ("red", "wool", "small", "new", "cheap", "local") for value in range(8)]
        links = [f"{path}{one}/" for one in more if one not in chosen]
        key = "".join(sorted(chosen))
        found = [zlib.crc32(f"{key}{n}".encode()) % 200 for n in range(20)]
        items = [f"<h2>{words(f'thing {number}', 4)}</h2>" for number in found]
        return html("Everything", "".join(items), links)


TRAPS = {
    "calendar of months and days": Months,
    "calendar, one day after the other": Days,
    "facets in every combination and order": Facets,
    "facets that the title names": TitledFacets,
    "session id in the query": SessionQuery,
    "session id in the path": SessionPath,
    "relative links that repeat a path": Relative,
    "folders without end": Deep,
    "pagination that repeats its last page": Pages,
    "a query that grows": Growing,
    "filters in the path": Filters,
}
