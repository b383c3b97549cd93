"""The presets load, and the printed defaults are the defaults."""

import pathlib
import subprocess
import sys

import pytest

from acrawl import Settings
from acrawl.cli.inspect import as_toml
from acrawl.settings import documentation, from_file, keys, resolve

CONFIG = pathlib.Path(__file__).parent.parent / "config"


@pytest.mark.parametrize("preset", sorted(CONFIG.glob("*.toml")), ids=lambda path: path.name)
def test_a_preset_loads(preset):
    resolve((preset.name, from_file(preset)))


def test_there_are_the_three_presets():
    assert {"polite.toml", "own-site.toml", "broad.toml"} <= {path.name for path in CONFIG.glob("*.toml")}


def test_polite_is_politer_than_the_default():
    polite = resolve(("polite", from_file(CONFIG / "polite.toml"))).politeness
    assert polite.delay > Settings().politeness.delay
    assert polite.concurrency < Settings().politeness.concurrency


def test_the_printed_defaults_are_the_defaults():
    assert (CONFIG / "default.toml").read_text() == as_toml(Settings())
    assert resolve(("default.toml", from_file(CONFIG / "default.toml"))) == Settings()


def test_every_setting_says_what_it_means():
    assert documentation().keys() == keys().keys()


@pytest.mark.process
def test_the_preset_reaches_the_crawl(tmp_path):
    command = [sys.executable, "-m", "acrawl", "settings", "--config", str(CONFIG / "broad.toml")]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, cwd=tmp_path).stdout
    assert "concurrency = 256  # default: 64" in shown
