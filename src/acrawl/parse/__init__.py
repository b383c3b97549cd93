r"""Bytes in, values out. No I/O: it runs in the worker, and its tests need nothing else.

::

    a page           document    bytes and where they came from; all else is made at first use, and once
                     encoding    which encoding they are in            bounds, harmless   what a parser could not bear
    selecting        selectors   parsel's interface, on                query, select, texts, lazy, trees
    what it names    links       links: anchors, header_links, refresh
                     resources   all else: places, media, css, srcset, json_ld, strings
                     linked      the same, with other references put in: markup_edits, style_edits
    what it asks     form        what a form would send: formdata      robots_tags   what robots should leave
    what it says     markdown    its text: markdown_rules              gist          hashes of it
    other documents  robots      robots.txt                            image         type and size of an image
                     sitemap     sitemaps   \
                     feed        feeds       > read piece by piece:    streams, markup, dates
                     nodes       XML, CSV   /
    words            extensions  what the end of a path says           digest        checksums in headers
"""
