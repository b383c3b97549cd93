"""``python -m acrawl``, and the command ``acrawl``."""

from __future__ import annotations

import signal
import sys

from acrawl.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command line as a process of its own: a Ctrl-C at its beginning or end is no traceback either."""
    try:
        from acrawl.cli import main as run

        run()
    except KeyboardInterrupt:  # while modules were loaded, or once more while it was leaving: nothing is under way
        sys.exit(EXIT_INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # on its way out: once more ends it at once, without a word


if __name__ == "__main__":
    main()
