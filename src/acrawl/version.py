"""The version, in the one place where Python code looks for it (``pyproject.toml`` reads it from here)."""

VERSION = "0.1.0"
