"""Where a seed leads by a redirect: what still belongs to the crawl, and what would take the rest in."""

from __future__ import annotations

import pytest

from acrawl.frontier.gate import ScopeGate
from acrawl.request import Request, seal
from acrawl.settings import Scope


def led_to(url, *seeds, within="host", domains=()):
    gate = ScopeGate(Scope(within=within), domains)
    for seed in seeds:
        gate.add_seed(seed)
    return gate.strays(seal(Request(url, allow_offsite=True), b"", continuation=True))


@pytest.mark.parametrize(
    ("seed", "target"),
    [
        ("http://example.org/", "https://www.example.org/"),
        ("https://www.example.org/", "https://example.org/en/"),
        ("http://example.org/", "https://example.org/"),
    ],
)
def test_the_usual_other_name_of_a_site_is_the_site(seed, target):
    assert led_to(target, seed) == ""


def test_another_host_of_the_domain_is_taken_in_by_an_option():
    assert "--scope domain" in led_to("https://docs.example.org/", "https://example.org/")
    assert led_to("https://docs.example.org/", "https://example.org/", within="domain") == ""


def test_another_folder_of_the_host_is_taken_in_by_an_option():
    assert "--scope host" in led_to("https://example.org/b/", "https://example.org/a/", within="path")


def test_another_domain_is_begun_with_instead():
    told = led_to("https://new.test/", "https://old.test/")
    assert told == "begin with https://new.test/ instead"
    assert "allowed_domains" in led_to("https://new.test/", "https://old.test/", domains=["old.test"])
    assert led_to("https://new.test/", "https://old.test/", domains=["old.test", "new.test"]) == ""
