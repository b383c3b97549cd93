"""The hostile server: one named behaviour for each way in which a server can do harm, with the outcome it must have.

``registry.py`` says what a behaviour is, ``server.py`` gives each one an origin of its own on loopback, the other files
hold the behaviours by kind, ``behaviours.py`` gathers them. ``test_alone.py`` meets them one by one, ``test_crawl.py``
all at once in a real crawl, ``tools/hostile.py`` prints what became of each.
"""
