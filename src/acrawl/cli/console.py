"""Python at a prompt, from a pipe, or from the command line."""

from __future__ import annotations

import ast
import code
import sys
import traceback
from typing import Any

import click

from acrawl.errors import EXIT_FAILED, EXIT_OK

_NAME = "<acrawl shell>"


class Console:
    """Runs code that sees ``names``. Whatever that code raises is shown as at Python's own prompt."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def evaluate(self, source: str) -> int:
        """Run code, print what its last line gives unless that is None, and return the exit code."""
        try:
            tree = ast.parse(source, _NAME)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, _NAME, "exec"), self._names)  # noqa: S102 - the user's own code
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), _NAME, "eval"), self._names)  # noqa: S307
                if value is not None:
                    click.echo(value if isinstance(value, str) else repr(value))
        except SystemExit as end:
            return _code_of(end)
        except Exception as error:  # noqa: BLE001 - the user's mistake: shown as Python does, without our frames
            trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
            traceback.print_exception(type(error), error, None if isinstance(error, SyntaxError) else trace)
            return EXIT_FAILED
        return EXIT_OK

    def interact(self, greeting: str) -> int:
        """Read code and run it until the end of the input; return the exit code."""
        try:
            if not sys.stdin.isatty():
                _Piped(self._names, _NAME).interact("", "")
            elif not self._in_ipython(greeting):
                _complete(self._names)
                code.InteractiveConsole(self._names, _NAME).interact(greeting, "")
        except SystemExit as end:
            return _code_of(end)
        return EXIT_OK

    def _in_ipython(self, greeting: str) -> bool:
        try:
            from IPython.terminal.embed import InteractiveShellEmbed
        except ImportError:  # it is a comfort
            return False
        InteractiveShellEmbed(banner1=greeting + "\n", user_ns=self._names)()
        return True


class _Piped(code.InteractiveConsole):
    """Reads lines of a file: no prompts, and no echo but of what expressions give."""

    def raw_input(self, prompt: str = "") -> str:
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")


def _complete(names: dict[str, Any]) -> None:
    """Let the tabulator complete names, where Python was built with readline."""
    try:
        import readline
    except ImportError:
        return
    import rlcompleter

    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or EXIT_OK
    click.echo(end.code, err=True)
    return EXIT_FAILED
