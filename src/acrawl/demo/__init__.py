"""A web site to try acrawl on, and a proof of what the crawl brought home.

``acrawl demo`` serves a gallery of some 560 pages and 2,200 images on two ports of this machine, crawls it, and lets a
program that shares no code with acrawl compare the two. Nothing leaves the machine, and nothing is downloaded or
bundled: pages and pictures are drawn from a seed, so that the same seed gives the same site, byte for byte.

The parts, each usable by itself::

    images.py     mosaics, and encoders for PNG, JPEG, GIF, WebP, BMP, ICO and SVG
    builder.py    resources, pages and stylesheets, and the books over what names what
    gallery.py    the home page, 20 albums, 480 pictures; they take turns in how they name images
    halls.py      one page for each place of HTML and CSS that can name an image
    oddities.py   odd names, types, redirects, duplicates, encodings, robots.txt, and what is broken
    site.py       build(seed) -> Site: everything served, and the manifest
    server.py     serves a Site and logs every request
    proof.py      compares a folder and a log with a manifest; standard library only, imports nothing of acrawl

By hand, in three terminals or one after the other::

    python -m acrawl.demo.server --port 8080 --manifest manifest.json --log access.jsonl
    python -m acrawl images http://127.0.0.1:8080/ -o pictures -s fetch.allow_private=true
    python -m acrawl.demo.proof manifest.json pictures access.jsonl

The second port plays another host, where a part of the images live. A seed opens a private address for its own host
and port only, so the crawl must be told that it may go there: ``fetch.allow_private``.

The manifest is written before the crawl, from what the site's author meant and not from reading the pages. It holds::

    counts          pages, stylesheets, images, distinct, duplicates, bytes, redirects, forbidden, errors by reason
    images          URL -> sha256, size, type, width, height; ``pages`` name it themselves, ``also`` lists what else
                    leads to it: stylesheets and their pages, pages that name a redirect to it
    pages, stylesheets, duplicates (groups of URLs), redirects (URL -> where the bytes came from in the end)
    errors          URL -> http-404, http-500, truncated, dropped, redirect-loop ...
    not_images      named like images, and are none: pages, text, nothing at all
    forbidden       what robots.txt keeps crawlers from; never: fonts, films, comments, scripts, other sites' pages
    refused_sha256  the bodies of all these, which must not lie in the folder
    requests        URL -> [least, most] requests a correct crawl makes; what is not in it must not be asked for
"""
