"""Settings: where they come from, who wins, and what is said about wrong ones."""

from __future__ import annotations

import msgspec
import pytest

import acrawl.settings as layers
from acrawl.cli.inspect import _toml
from acrawl.errors import SettingsError
from acrawl.settings import Settings, resolve


def test_later_places_win(tmp_path):
    file = tmp_path / "acrawl.toml"
    file.write_text("[politeness]\ndelay = 1\nconcurrency = 3\n[retry]\ntimes = 9\n")
    settings = resolve(
        ("file", layers.from_file(file)),
        ("spider", layers.flatten({"DOWNLOAD_DELAY": 2, "fetch": {"max_redirects": 1}}, "spider")),
        ("environment", layers.from_environment({"ACRAWL_POLITENESS_DELAY": "3", "ACRAWL_JOIN": "x", "HOME": "/"})),
        ("-s", layers.from_pairs(["politeness.delay=4"])),
    )
    assert settings.politeness.delay == 4
    assert settings.politeness.concurrency == 3
    assert settings.retry.times == 9
    assert settings.fetch.max_redirects == 1
    assert settings.scope == Settings().scope


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("politeness.dealy", "politeness.delay"),
        ("politness.delay", "politeness.delay"),
        ("retry.tims", "retry.times"),
        ("limits.max_page", "limits.max_pages"),
        ("scope.whithin", "scope.within"),
        ("max_depth", "scope.max_depth"),
    ],
)
def test_an_unknown_name_is_refused_with_its_place_and_the_nearest(wrong, near):
    with pytest.raises(SettingsError) as caught:
        resolve(("-s", {wrong: "1"}))
    assert "-s" in str(caught.value)
    assert repr(wrong) in str(caught.value)
    assert f"did you mean {near!r}" in str(caught.value)


def test_a_name_like_no_other_points_to_the_list():
    with pytest.raises(SettingsError, match="acrawl settings"):
        resolve(("-s", {"zzz.qqqqqqqq": "1"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("politeness.concurrency", "0"),
        ("politeness.delay", "-0.1"),
        ("politeness.delay", "soon"),
        ("politeness.obey_robots", "perhaps"),
        ("scope.within", "planet"),
        ("queues.batch", "1001"),
        ("queues.poll_seconds", "0"),
        ("frontier.lease_seconds", "0.5"),
        ("log.level", "LOUD"),
        ("retry.times", "1.5"),
        ("retry.times", [1]),
        ("retry.table", {"timeout": [1.5]}),
        ("retry.table", {"timeout": [1, -1]}),
        ("retry.table", {"timeout": [1, 1, 1]}),
        ("retry.table", {"timeout": "often"}),
        ("retry.table", "timeout"),
        ("fetch.user_agent", None),
        ("cache.folder", ""),
    ],
)
def test_a_wrong_value_is_refused_with_name_value_and_place(name, value):
    with pytest.raises(SettingsError) as caught:
        resolve(("here", {name: value}))
    assert str(caught.value).startswith(f"here: {name} = {value!r}: ")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("tls.minimum", "1.1", "write 1.2 or 1.3"),
        ("cache.mode", "on", "write http, keep, off or replay"),
        ("cookies.enabled", "perhaps", "write on, off or auto"),
        ("scope.within", "planet", "write any, domain, host or path"),
        ("auth.hosts", "basic", 'a table, as in {"name" = value}'),
    ],
)
def test_what_may_be_written_instead_is_said_in_words(name, value, words):
    with pytest.raises(SettingsError) as caught:
        resolve(("here", {name: value}))
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["bot\nX-Evil: 1", "bot\r", "", " ", "\0"])
def test_a_user_agent_that_could_not_be_sent_is_refused(text):
    with pytest.raises(SettingsError):
        resolve(("-s", {"fetch.user_agent": text}))


@pytest.mark.parametrize("text", ["404", "[404]", "404,", " 404 "])
def test_a_list_of_one_needs_no_brackets(text):
    assert resolve(("-s", {"cache.ignore_statuses": text})).cache.ignore_statuses == (404,)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_what_is_no_amount_of_time_is_refused(text):
    with pytest.raises(SettingsError):
        resolve(("-s", {"politeness.delay": text}))


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("On", True), ("true", True), ("1", True), ("no", False),
                                             ("off", False), ("False", False), ("0", False)])  # fmt: skip
def test_booleans_in_the_words_people_use(text, value):
    assert resolve(("-s", {"politeness.obey_robots": text})).politeness.obey_robots is value


def test_every_setting_can_be_set_by_its_text_and_by_the_environment():
    for name, default in layers.keys().items():
        text = _toml(default) if isinstance(default, tuple | dict) else str(default)
        variable = f"ACRAWL_{name.replace('.', '_').upper()}"
        assert resolve(("environment", layers.from_environment({variable: text}))) == Settings()


def test_every_setting_is_documented_in_full_sentences():
    documented = layers.documentation()
    assert list(documented) == list(layers.keys())
    for name, text in documented.items():
        assert text[0].isupper() or text.startswith("``"), name
        assert text.endswith("."), name


def test_there_are_no_more_than_can_be_read():
    assert len(layers.keys()) <= 140


def test_every_name_of_scrapy_leads_to_a_setting():
    assert set(layers.SCRAPY_NAMES.values()) <= set(layers.keys())


def test_a_file_of_settings_names_itself_when_it_cannot_be_read(tmp_path):
    for name, text in (("broken.toml", b"[fetch"), ("latin.toml", b"x = '\xe9'")):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(SettingsError, match=name):
            layers.from_file(tmp_path / name)
    with pytest.raises(SettingsError, match=r"missing\.toml: no such"):
        layers.from_file(tmp_path / "missing.toml")


def test_a_key_outside_of_a_section_is_refused():
    with pytest.raises(SettingsError, match="'delay' is neither"):
        layers.flatten({"delay": 3}, "x.toml")


def test_settings_travel_and_cannot_be_changed():
    chosen = resolve(("-s", {"politeness.delay": "2.5", "log.file": "x"}))
    assert msgspec.convert(msgspec.to_builtins(chosen), Settings) == chosen
    with pytest.raises(AttributeError):
        chosen.politeness.delay = 1.0


@pytest.mark.parametrize(("value", "mode"), [(True, "keep"), ("true", "keep"), ("1", "keep"), (False, "off")])
def test_scrapys_switch_for_its_cache_turns_ours(value, mode):
    layer = layers.flatten({"HTTPCACHE_ENABLED": value, "HTTPCACHE_IGNORE_HTTP_CODES": [404, 410]}, "spider")
    cache = resolve(("spider", layer)).cache
    assert (cache.mode, cache.ignore_statuses) == (mode, (404, 410))
