"""The verbs that look: help, ``list``, ``settings``, ``version``."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

import acrawl.settings as layers
from acrawl.cli import acrawl as program
from acrawl.errors import EXIT_INTERRUPTED, EXIT_USAGE
from acrawl.settings import Settings, resolve
from acrawl.version import VERSION

COMMANDS = ["images", "run", "work", "why", "audit", "retry", "demo", "list", "settings", "version"]


def typed(*arguments: str) -> str:
    result = CliRunner().invoke(program, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_describes_itself_and_its_options(command):
    text = typed(command, "--help")
    description = text.split("\n\n")[1].strip()
    assert description[0].isupper()
    assert description.rstrip().endswith(".")
    for line in text.partition("Options:")[2].splitlines():
        if line.startswith("  -"):
            assert len(line.split("  ")) > 2 or line.rstrip().endswith(("VALUE", "FORMAT]", "PORT", "FILE")), line


def test_the_program_lists_every_command_with_examples_and_exit_codes():
    text = typed("--help")
    listed = [line.split()[0] for line in text.partition("Commands:")[2].splitlines() if line.startswith("  ")]
    assert set(COMMANDS) <= set(listed)
    assert "acrawl images https://example.org/" in text
    for code in ("0 finished", "2 wrong usage", "4 a limit", "130 interrupted"):
        assert code in text


def test_settings_prints_toml_that_means_the_same():
    document = tomllib.loads(typed("settings"))
    assert resolve(("text", layers.flatten(document, "text"))) == Settings()


def test_settings_shows_where_one_differs():
    text = typed("settings", "-s", "politeness.delay=1.5", "-s", 'log.file=a "quoted" name')
    assert "delay = 1.5  # default: 0.0" in text
    document = tomllib.loads(text)
    assert document["log"]["file"] == 'a "quoted" name'
    assert document["politeness"]["delay"] == 1.5


def test_settings_explains_each_setting():
    text = typed("settings")
    lines = text.splitlines()
    for name in dict(layers.keys()):
        key = name.partition(".")[2]
        places = [n for n, line in enumerate(lines) if line.startswith(f"{key} = ")]
        assert places
        assert all(lines[n - 1].startswith("# ") and len(lines[n - 1]) > 5 for n in places)


def test_version_names_the_versions():
    text = typed("version")
    assert text.startswith(f"acrawl {VERSION} ")
    assert sys.version.split()[0] in text


def test_list_shows_spiders_and_goes_on_after_a_broken_file(tmp_path):
    (tmp_path / "good.py").write_text("from acrawl import Spider\nclass Good(Spider):\n    name = 'fine'\n")
    (tmp_path / "bare.py").write_text("from acrawl import Spider\nclass Bare(Spider): pass\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    result = CliRunner().invoke(program, ["list", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "images" in result.stdout
    assert f"{tmp_path}/good.py:Good" in result.stdout
    assert "fine" in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines() if "bare.py:Bare" in line] == ["bare"]
    assert "broken.py" not in result.stdout
    assert "broken.py:1" in result.stderr


def test_list_refuses_what_does_not_exist(acrawl):
    done = acrawl("list", "nowhere")
    assert done.code == 2
    assert "nowhere" in done.complaint


def test_a_closed_pipe_is_no_crash(tmp_path):
    import subprocess

    shell = f"{sys.executable} -m acrawl settings | head -1"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=30, cwd=tmp_path, check=False)
    assert done.stdout.startswith("# Every setting")
    assert "Traceback" not in done.stderr


def test_a_module_of_this_folder_is_found_however_the_program_was_started(typed, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(tmp_path)])
    (tmp_path / "shop_of_a_test").mkdir()
    (tmp_path / "shop_of_a_test" / "seller.py").write_text("from acrawl import Spider\n\nclass Seller(Spider): pass\n")
    done = typed("run", "shop_of_a_test.seller:Buyer")
    assert (done.code, done.complaint) == (
        EXIT_USAGE,
        "acrawl: shop_of_a_test.seller:Buyer: there is no Spider subclass 'Buyer'; found: Seller",
    )


INTERRUPTED = """
import signal, sys


class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "acrawl.cli":
            signal.raise_signal(signal.SIGINT)


sys.meta_path.insert(0, Interrupting())
from acrawl.__main__ import main
main()
"""


def test_a_ctrl_c_while_modules_are_loaded_is_no_traceback():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_INTERRUPTED, "", "")
