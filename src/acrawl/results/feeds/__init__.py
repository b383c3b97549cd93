"""Where items go: ``-o PATH[:format]`` or the URL of a server, several at once; ``-`` is standard output.

::

    spec         what -o names: where, in which format, how compressed
    template     {name} {time} {batch} in a path
    opening      from a spec to a feed; says all that is wrong before the crawl begins
    paths        the same for files
    file         one file that is appended to: exact, locked, cut back to its mark when a crawl resumes
    growing      such a file whose form is a table: a new column is added to all of it
    rotating     such files one after the other
    stream       standard output, pipes, devices: at least once
    jsonl, json_array, csv_table, xml_items
                 formats: how items become the bytes of a file; values: how they see them
    compression  gzip and zstd, in parts that end at the marks
    flat         dicts in items as columns of their own
    stores       the same as paths for what follows
    sqlite, postgresql (pgtypes), parquet (arrow)
                 exact, with columns that come with the fields; table: what they share
    webhook      POSTs to a server: at least once
    patience     how long a server that does not answer is waited for

A *feed* (`acrawl.results.base.Feed`) is a place, and knows what of it counts. A *format* (`base.Format`) turns items
into bytes and knows no files. What has no bytes of its own to append (a database) is a feed of its own.
"""

from acrawl.results.feeds.opening import open_feed, open_feeds
from acrawl.results.feeds.paths import BEGAN, Crawl

__all__ = ["BEGAN", "Crawl", "open_feed", "open_feeds"]
