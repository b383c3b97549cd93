"""A JSON API: pages of a list, then the details of each entry; what is known already travels in ``cb_kwargs``.

python -m acrawl run examples/api.py -o people.jsonl -a site=https://api.example
"""

from acrawl import Request, Spider


class People(Spider):
    """Asks for ``/people?page=N`` and for ``/people/ID`` of each person there."""

    name = "people"
    site = "https://api.example"

    async def start(self):
        """Begin with the first page."""
        yield Request(f"{self.site}/people?page=1", cb_kwargs={"page": 1})

    def parse(self, response, page):
        """Ask for the details of a page, and for the next page."""
        listed = response.json()
        for person in listed["people"]:
            yield response.follow(
                f"/people/{person['id']}", self.parse_person, cb_kwargs={"name": person["name"]}, errback=self.lost
            )
        if listed["more"]:
            yield response.follow(f"/people?page={page + 1}", cb_kwargs={"page": page + 1})

    def parse_person(self, response, name):
        """Give a person: the name from the list, the rest from here."""
        yield {"name": name, **response.json()}

    def lost(self, failure, name):
        """Give what is known of a person whose details cannot be had."""
        yield {"name": name, "missing": failure.reason}
