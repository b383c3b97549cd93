"""What only members see: the login form is sent with all that the page put into it, its hidden token included.

python -m acrawl run examples/login.py -o notes.jsonl -a user=ann -a password=secret -a site=https://club.example
"""

from acrawl import CloseSpider, FormRequest, Request, Spider


class Login(Spider):
    """Logs in once; the cookie goes into the job's jar, and every worker has it from then on."""

    name = "login"
    site = "https://club.example"
    user = password = ""

    async def start(self):
        """Begin with the form."""
        yield Request(f"{self.site}/login")

    def parse(self, response):
        """Send the form."""
        form = {"user": self.user, "password": self.password}
        return FormRequest.from_response(response, formdata=form, callback=self.logged_in, dont_filter=True)

    def logged_in(self, response):
        """Look whether that worked, and go on to the notes."""
        if not response.css("a[href*=logout]"):
            raise CloseSpider("the login was refused")
        yield from response.follow_all(css="a.note", callback=self.parse_note)

    def parse_note(self, response):
        """Give a note."""
        yield {"url": response.url, "note": response.css("p::text").get()}
