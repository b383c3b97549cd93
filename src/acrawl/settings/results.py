"""The sections of the results: how files are saved, and how items are written."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from acrawl.settings.base import MIB, Count, Positive, Seconds, Section


class Files(Section, frozen=True):
    """How saved files come, and what they are called (see docs/files.md)."""

    resume: bool = True
    """Go on where a download was cut, instead of from its beginning."""
    partial_bytes: Count = 10_240 * MIB
    """Bytes that all cut downloads together may leave on disk for later tries; what comes to more begins anew."""
    verify: bool = True
    """Refuse a file that lacks the digest its server announced (Repr-Digest, Content-Digest, Digest, Content-MD5)."""
    name: str = "{host}/{path}"
    """What saved files are called, as in "{type}/{sha256:2}/{sha256}{ext}" or "{date}/{n:06}"."""


class Feeds(Section, frozen=True):
    """How items are written to what -o names (see docs/feeds.md)."""

    fields: tuple[str, ...] = ()
    """The fields of items that are written, in this order; [] for all as they come."""
    flatten: bool = False
    """Make columns of the parts of dicts (price.amount), not JSON texts, in CSV, SQLite, PostgreSQL and Parquet."""
    batch_items: Count = 0
    """Items in a file with {batch} in its name, before the next one begins; 0 means no limit."""
    batch_bytes: Count = 0
    """Bytes of a file with {batch} in its name, after which the next one begins; 0 means no limit."""
    keep: bool = True
    """Keep all items in the job, too, so that `acrawl export` can write them in any form later."""
    fields_of: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """The same as fields for one -o alone, by its name as it is typed: {"items.csv" = ["name", "price"]}."""
    patience: Seconds = 120.0
    """Seconds that a server that takes items is waited for when it does not answer; then the crawl ends, resumable."""
    files: bool = True
    """Saved files are items of the feeds, too: url, path, sha256, size, type; pipelines do not see them."""


class Warc(Section, frozen=True):
    """The web archive of --warc (see docs/warc.md)."""

    max_bytes: Positive = 1_000_000_000
    """Bytes of a file of the archive after which the next one begins."""
    secrets: bool = True
    """Keep the Authorization and Cookie headers of requests in the archive, and the passwords in their URLs."""


class Cloud(Section, frozen=True):
    """How object stores are spoken to (see docs/object-stores.md)."""

    concurrency: Positive = 16
    """Requests to a bucket that each process has under way at once."""
    patience: Seconds = 120.0
    """Seconds for which a store that does not answer, or only by 429 and 5xx, is asked again."""


class Recrawl(Section, frozen=True):
    """What is remembered for the next visit, which --again begins (see docs/recrawl.md)."""

    remember: Literal["validators", "digests", "nothing"] = "validators"
    """Of each page validators (and a digest where it has no ETag), digests of all as well, or nothing at all."""


class Images(Section, frozen=True):
    """Which images are kept, and what is made of them (see docs/images.md). All but the sizes need Pillow."""

    min_width: Count = 0
    """An image of fewer pixels in width is not kept, and its request ends as fetched(too-small); 0 keeps all."""
    min_height: Count = 0
    """The same of the height; images whose size cannot be told are kept."""
    thumbs: dict[str, str] = msgspec.field(default_factory=dict)
    """Thumbnails to make, as in {small = "80x80", big = "400x300"}: JPEG, within that size, in thumbs/NAME."""
    convert: Literal["off", "jpeg", "png", "webp"] = "off"
    """A format that images of other formats are converted to as well, in converted; the originals always stay."""
    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] = 85
    """Of what is made in JPEG and WebP."""
    near: Annotated[int, msgspec.Meta(ge=0, le=8)] = 0
    """Images that differ in up to so many of 64 bits are listed as looking alike; 0 does not compare, 4 is a start."""
    check: bool = False
    """Decode every image, so that broken ones are told from whole ones; implied by what is made of images."""
    max_pixels: Positive = 64_000_000
    """Larger images are saved, but not decoded; a process that decodes may use 20 bytes for each, and 512 MiB."""
    timeout: Annotated[float, msgspec.Meta(ge=1)] = 60.0
    """How long all that is made of one image may take."""
    processes: Positive = 1
    """Processes of each worker that decode images; they start with the first image."""
