"""``python -m acrawl``."""

from acrawl.cli import main

if __name__ == "__main__":
    main()
