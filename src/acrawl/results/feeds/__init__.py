"""Where items go: ``-o PATH[:format]`` or the URL of a server, several at once; ``-`` is standard output.

::

    spec      what -o names: where, in which format
    opening   from a spec to a feed; says all that is wrong before the crawl begins
    file      one file that is appended to: exact, locked, cut back to its mark when a crawl resumes
    stream    standard output, pipes, devices: at least once
    jsonl     a format: how items become the bytes of a file
    table     what tables share: rows of fields, the names of columns
    sqlite, postgresql (pgtypes), parquet (arrow)
              tables: exact, with columns that come with the fields
    webhook   POSTs to a server: at least once
    patience  how long a server that does not answer is waited for

A *feed* (`acrawl.results.base.Feed`) is a place, and knows what of it counts. A *format* (`base.Format`) turns items
into bytes and knows no files. What has no bytes of its own to append (a database) is a feed of its own.
"""

from acrawl.results.feeds.opening import open_feed, open_feeds

__all__ = ["open_feed", "open_feeds"]
