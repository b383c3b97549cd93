"""Bytes in, values out: encodings, links, media, stylesheets, robots.txt. No I/O (runs in the worker)."""
