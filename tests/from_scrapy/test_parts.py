"""The nouns and helpers of Scrapy, by themselves."""

import pathlib

import pytest
from itemadapter import ItemAdapter
from itemloaders.processors import MapCompose, TakeFirst

from acrawl import scrapy
from acrawl.errors import RequestError
from acrawl.response import Response as CoreResponse
from acrawl.scrapy.exceptions import NotSupported
from acrawl.scrapy.http import Headers, HtmlResponse, Request, Response, TextResponse, XmlResponse
from acrawl.scrapy.loader import ItemLoader
from acrawl.scrapy.pipelines import media_of, without_media
from acrawl.scrapy.pipelines.images import ImagesPipeline
from acrawl.scrapy.selector import Selector
from acrawl.scrapy.settings import _MISSED, _TURNED, Settings, turned
from acrawl.scrapy.shell import inspect_response
from acrawl.scrapy.utils.project import get_project_settings
from acrawl.scrapy.utils.response import get_base_url, open_in_browser
from acrawl.settings import ELSEWHERE, SCRAPY_NAMES, flatten, resolve
from acrawl.spider import Spider

ROOT = pathlib.Path(__file__).parents[2]
URL = "http://a.example/x"


def test_headers_are_bytes_and_found_in_any_case():
    headers = Headers({"Set-Cookie": ["a=1", b"b=2"], "X-Empty": None})
    headers[b"x-text"] = "t"
    assert headers.get("set-cookie") == headers[b"SET-COOKIE"] == b"b=2"
    assert headers.getlist("Set-Cookie") == [b"a=1", b"b=2"]
    assert (headers.get("X-None"), headers.get("X-None", "d"), headers["x-empty"]) == (None, b"d", None)
    assert headers.to_unicode_dict()["X-Text"] == "t"
    assert "X-TEXT" in headers
    assert dict(Headers([("A", "1"), ("a", "2")])) == {b"A": b"2"}


def test_a_request_takes_what_scrapys_takes():
    cookies = [{"name": "n", "value": "v", "domain": "a.example", "path": "/"}]
    request = Request(URL, headers={b"X-A": b"1", "X-B": ["2", "3"], "X-C": None}, cookies=cookies, method="post")
    assert (request.headers, request.cookies) == ({"X-A": "1", "X-B": "2,3"}, {"n": "v"})
    assert request.method == "POST"
    assert Request(URL, None, "GET", None, None, None, None).core() == Request(URL).core()
    request.priority, request.dont_filter = 5, True
    assert (request.core().priority, request.core().allow_offsite) == (5, True)
    meta = {"n": 1}
    made = [Request(URL, meta=meta) for _ in range(2)]
    made[0].meta["n"] = 2
    assert (made[1].meta, meta) == ({"n": 1}, {"n": 1})
    copied = request.copy()
    copied.meta["own"] = 1
    assert request.meta == {}


def test_keys_of_meta_become_fields_when_a_request_is_given():
    meta = {"cookiejar": 3, "proxy": "http://p.example:1", "dont_retry": True, "depth": 4, "mine": 1}
    sent = Request(URL, meta=meta).core()
    assert (sent.cookiejar, sent.proxy, sent.max_retry_times, sent.depth) == ("3", "http://p.example:1", 0, 0)
    assert sent.meta == {key: value for key, value in meta.items() if key != "depth"}


def test_a_key_of_meta_that_nobody_reads_is_told_once(caplog):
    for _ in range(2):
        Request(URL, meta={"dont_obey_robotstxt": True, "mine": 1, "download_slot": "a"}).core()
    text = "dont_obey_robotstxt in meta has no effect here: politeness.obey_robots holds for all requests"
    assert [record.message for record in caplog.records] == [f"{text} (docs/from-scrapy.md)"]


def test_forms_and_json_make_requests_of_scrapys():
    fields = {"headers": {b"X-A": b"1"}, "cookies": [{"name": "n", "value": "v", "domain": "a.example"}], "meta": None}
    sent = scrapy.FormRequest(URL, formdata={"a": ["1", "2"]}, **fields)
    assert (type(sent), sent.method, sent.body, sent.cookies) == (Request, "POST", b"a=1&a=2", {"n": "v"})
    assert sent.headers == {"Content-Type": "application/x-www-form-urlencoded", "X-A": "1"}
    assert scrapy.FormRequest(f"{URL}?b=1", method="GET", formdata={"a": "1"}).url == f"{URL}?a=1"
    assert scrapy.FormRequest(URL, method="POST", body="x").body == b"x"
    page = HtmlResponse(URL, body="<form action=/go><input name=t value=1 type=hidden><input name=u></form>")
    sent = scrapy.FormRequest.from_response(page, formdata={"u": "me"}, callback="seen", meta={"n": 1}, method="post")
    assert (sent.url, sent.body, sent.callback) == ("http://a.example/go", b"t=1&u=me", "seen")
    assert (sent.meta, sent.referrer, sent.depth) == ({"n": 1}, URL, 1)
    sent = scrapy.JsonRequest(URL, data={"b": "ü", "a": 1}, headers={"accept": "text/json"})
    assert (sent.method, sent.body) == ("POST", b'{"a": 1, "b": "\\u00fc"}')
    assert sent.headers == {"Content-Type": "application/json", "accept": "text/json"}
    assert scrapy.JsonRequest(URL, data=["ü"], dumps_kwargs={"ensure_ascii": False}).body == '["ü"]'.encode()
    assert scrapy.JsonRequest(URL).method == "GET"


def test_a_function_that_cannot_travel_is_refused_where_the_request_is_made():
    with pytest.raises(RequestError, match=r"callback=.*lambda.*: give a method of the spider, or its name"):
        Request(URL, callback=lambda response: None)
    with pytest.raises(ValueError, match="not an absolute URL"):
        Request("a.example/x")


def test_responses_can_be_made_and_changed():
    response = HtmlResponse(URL, body="<base href=/b/><a href=c>ü</a>", encoding="latin-1", headers={"A": "1"})
    assert (response.body, response.text[-5:-4]) == (b"<base href=/b/><a href=c>\xfc</a>", "ü")
    assert get_base_url(response) == "http://a.example/b/"
    assert response.follow(response.css("a")[0]).url == "http://a.example/b/c"
    assert response.follow(response.css("a::attr(href)")[0]).url == "http://a.example/b/c"
    assert response.replace(url="http://a.example/z").follow("#").url == "http://a.example/b/"
    assert response.copy().headers["A"] == b"1"
    with pytest.raises(ValueError, match="has no reference to follow"):
        response.follow(response.css("base")[0].css("a") or 3)
    with pytest.raises(ValueError, match="give urls, css or xpath"):
        response.follow_all()


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("text/html", HtmlResponse), ("application/rss+xml", XmlResponse), ("application/json", TextResponse),
     ("image/png", Response)],
)  # fmt: skip
def test_the_class_of_a_response_fits_its_type(media_type, kind):
    made = CoreResponse(URL, body=b"x")
    made.headers["Content-Type"] = media_type
    assert type(Response.of(made)) is kind


class Product(scrapy.Item):
    name = scrapy.Field(input_processor=MapCompose(str.strip), output_processor=TakeFirst())
    tags = scrapy.Field()


class Toy(Product):
    age = scrapy.Field(serializer=int)


def test_an_item_has_its_fields_and_no_others():
    toy = Toy(name="x", age=3)
    toy.setdefault("tags", []).append("a")
    assert toy == {"name": "x", "age": 3, "tags": ["a"]}
    assert list(Toy.fields) == ["name", "tags", "age"]
    with pytest.raises(KeyError, match="Toy does not support field: price"):
        toy["price"] = 1
    with pytest.raises(KeyError):
        Toy(price=1)
    with pytest.raises(AttributeError, match=r"Use item\['name'\]"):
        toy.name = "y"
    with pytest.raises(AttributeError, match=r"Use item\['name'\]"):
        print(toy.name)
    other = toy.deepcopy()
    other["tags"].append("b")
    assert (toy["tags"], type(toy.copy())) == (["a"], Toy)


def test_a_loader_fills_an_item_by_its_fields():
    loader = ItemLoader(Toy(), response=HtmlResponse(URL, body="<h1> Ball </h1><b>x</b><b>y</b>", encoding="utf-8"))
    loader.add_css("name", "h1::text")
    loader.add_xpath("tags", "//b/text()")
    loader.add_value("age", 3)
    assert loader.load_item() == {"name": "Ball", "tags": ["x", "y"], "age": [3]}
    assert list(ItemAdapter(Toy()).field_names()) == ["name", "tags", "age"]
    assert ItemAdapter(Toy()).get_field_meta("age") == {"serializer": int}


def test_a_selector_is_made_of_text_or_of_a_response():
    made = Selector(text="<p>one<p>two")
    assert made.css("p::text").getall() == ["one", "two"]
    assert isinstance(made.css("p")[0], Selector)
    assert Selector(HtmlResponse(URL, body=b"<p>x")).css("p::text").get() == "x"
    assert Selector(text="<a><br>x</br></a>", type="xml").css("a > br::text").get() == "x"
    assert Selector(HtmlResponse(URL, body=b"<p>x"), type="xml").type == "xml"
    assert Selector(root=made.xpath("//p")[1].root).xpath("string()").get() == "two"
    with pytest.raises(ValueError, match="needs a response, text or root"):
        Selector()


def test_every_setting_of_scrapys_is_decided():
    names = set((ROOT / "tests/from_scrapy/settings.txt").read_text().split())
    told = set((ROOT / "docs/from-scrapy.md").read_text().replace("`", " ").replace(",", " ").split())
    assert sorted(names - SCRAPY_NAMES.keys() - _TURNED.keys() - _MISSED.keys() - ELSEWHERE - told) == []


@pytest.mark.parametrize(
    ("name", "value", "place", "becomes"),
    [
        ("ROBOTSTXT_OBEY", False, "politeness.obey_robots_tags", ()),
        ("ROBOTSTXT_OBEY", "True", "politeness.obey_robots", True),
        ("DEPTH_PRIORITY", 1, "frontier.order", "breadth"),
        ("DEPTH_PRIORITY", -1, "frontier.order", "depth"),
        ("LOG_LEVEL", "CRITICAL", "log.level", "ERROR"),
        ("LOG_LEVEL", 10, "log.level", "DEBUG"),
        ("LOG_ENABLED", False, "log.level", "ERROR"),
        ("LOG_FILE", None, "log.file", ""),
        ("DOWNLOAD_MAXSIZE", 1000, "fetch.max_body", 1000),
        ("CONCURRENT_REQUESTS_PER_IP", 3, "politeness.budget_concurrency", 3),
        ("DNSCACHE_ENABLED", False, "dns.ttl", 0.0),
        ("DOWNLOAD_VERIFY_CERTIFICATES", False, "tls.verify", False),
        ("DOWNLOAD_DELAY", 2, "politeness.delay", 2.0),
        ("MINE", 2, "scope.within", "any"),
        ("scope.within", "host", "scope.within", "host"),
    ],
)
def test_a_setting_is_turned_into_what_it_is_called_here(name, value, place, becomes):
    given = {key: value for key, value in turned({name: value}).items() if key != "MINE"}
    resolved = resolve(("custom_settings", flatten(given, "custom_settings")))
    section, _, key = place.partition(".")
    assert getattr(getattr(resolved, section), key) == becomes


def test_settings_are_read_by_either_name():
    settings = Settings.of(resolve(("x", {"politeness.delay": 2})), {"MINE": "1", "TABLE": '{"a": 1}', "FLAG": "yes"})
    assert (settings.getfloat("DOWNLOAD_DELAY"), settings["politeness.delay"]) == (2.0, 2.0)
    assert (settings.getint("MINE"), settings.getbool("FLAG"), settings.getdict("TABLE")) == (1, True, {"a": 1})
    assert ("MINE" in settings, "OTHER" in settings, settings["OTHER"]) == (True, False, None)
    assert "MINE" in list(settings)


def test_what_is_not_here_says_so_and_what_to_do():
    with pytest.raises(NotSupported, match=r"inspect_response is not here: look at .* \(docs/from-scrapy.md\)"):
        inspect_response(None, Spider())
    with pytest.raises(NotSupported, match="open_in_browser is not here"):
        open_in_browser(CoreResponse(URL))
    with pytest.raises(NotSupported, match="subclass of a media pipeline"):
        type("Mine", (ImagesPipeline,), {})


def test_a_media_pipeline_saves_what_items_name():
    custom = {"ITEM_PIPELINES": {"scrapy.pipelines.images.ImagesPipeline": 1, "shop.pipelines.ImagesPipeline": 2}}
    requests = media_of(custom)
    assert [(each.url, each.save, each.allow_offsite) for each in requests({"image_urls": [URL], "name": "n"})] == [
        (URL, "image/", True)
    ]
    assert list(requests({"name": "n"})) == []
    assert without_media(custom) == {"ITEM_PIPELINES": {"shop.pipelines.ImagesPipeline": 2}}
    assert media_of({"ITEM_PIPELINES": {"shop.pipelines.Prices": 1}}) is None


def test_the_settings_of_a_project_are_those_of_its_module(tmp_path, monkeypatch):
    assert get_project_settings() == {}
    (tmp_path / "scrapy.cfg").write_text("[settings]\ndefault = shop_settings_of_a_test\n")
    (tmp_path / "shop_settings_of_a_test.py").write_text("DOWNLOAD_DELAY = 3\nnot_one = 1\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    assert get_project_settings() == {"DOWNLOAD_DELAY": 3}
