from multidict import CIMultiDict

from acrawl.response import Response

BODY = b"""<a href=1>one</a><form action=2></form><q cite=3></q><link rel=author href=4><img srcset="5, 6 2x" src=7>
<script src=8></script><script>go('/deep/page.html'); go('/1')</script>"""


def response(headers=None):
    return Response("https://h.test/", body=BODY, headers=CIMultiDict(headers or {"Content-Type": "text/html"}))


def paths(found):
    return [each.url.removeprefix("https://h.test/") for each in found]


def test_links_are_those_of_markup_and_headers():
    answer = response([("Link", "<n>; rel=next"), ("Link", "<p>; rel=prev"), ("Content-Location", "/en")])
    assert paths(answer.links()) == ["n", "p", "en", "1"]
    assert [request.url for request in answer.follow_all()] == [link.url for link in answer.links()]


def test_more_links_are_taken_on_request():
    assert paths(response().links(forms=True)) == ["1", "2"]
    assert paths(response().links(citations=True)) == ["1", "3"]
    assert paths(response().links(rels=["author"])) == ["1", "4"]
    assert paths(response().links(strings=True)) == ["1", "deep/page.html"]


def test_a_limit_holds_for_all_links_together():
    answer = response()
    assert paths(answer.links(strings=True, limit=2)) == ["1", "deep/page.html"]
    assert answer.cut == ""
    assert paths(answer.links(strings=True, limit=1)) == ["1"]
    assert answer.cut.startswith("links: ")
    assert len(answer.links(strings=True)) == 2


def test_images_and_resources_are_told_apart():
    assert paths(response().images()) == ["7", "5", "6"]
    assert paths(response().images(pick="largest")) == ["6"]
    assert [(each.kind, each.url[-1]) for each in response().resources(pick="largest")] == [
        ("image", "6"),
        ("script", "8"),
    ]
