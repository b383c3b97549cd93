"""The sections about results: files, items, pictures."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from acrawl.figures import Picture, Report
from acrawl.monitor.report.charts import Chart, Stack, figure
from acrawl.monitor.report.tables import Cell, Column, bar, bytes_, count, part, table, text
from acrawl.monitor.report.texts import esc, link, middle, number, open_, size


def files(report: Report) -> str:
    """What was saved, by type and by size."""
    saved = report.saved
    more = f"<p>They are in {esc(report.crawl.bucket)}.</p>" if report.crawl.bucket and saved.files else ""
    if saved.archived:
        more += f"<p>The web archive has {saved.archived:,} answers and other records in its index.</p>"
    if not saved.files:
        return f"<p>No files were saved.</p>{more}"
    facts = f"{saved.files:,} distinct files of {size(saved.bytes)} from {saved.urls:,} URLs"
    facts += f"; {saved.pages:,} of the URLs are pages whose text was saved" * bool(saved.pages)
    facts += f"; {saved.elsewhere:,} of the files are kept by workers" * bool(saved.elsewhere)
    most = max(one.bytes for one in saved.types) or 1
    rows = [
        [
            text(one.type or "unknown"), bar([("s2", one.bytes)], most), count(one.files),
            part(one.files, saved.files), bytes_(one.bytes), bytes_(one.bytes // one.files), bytes_(one.largest),
        ]
        for one in saved.types
    ]  # fmt: skip
    heads = [
        *(Column("type", "label"), Column("", "bar"), Column("files"), Column("share"), Column("bytes")),
        *(Column("mean size"), Column("largest")),
    ]
    labels = [f"≤ {size(slot.upto).replace('.0', '')}" if slot.upto is not None else "more" for slot in saved.sizes]
    stacks = [
        Stack(label, f"{label}: {slot.count:,} files", [("s2", slot.count)])
        for slot, label in zip(saved.sizes, labels, strict=True)
    ]
    chart = Chart("sizes", "Saved files by size", f"{facts}.", number, stacks, 190)
    numbers = table(
        "Files by size",
        [Column("size", "label"), Column("files")],
        [[Cell(label, n), count(slot.count)] for n, (slot, label) in enumerate(zip(saved.sizes, labels, strict=True))],
    )
    return (
        f"<p>{facts}.</p>{more}" + table("Saved files by type", heads, rows) + figure(chart, "Files by size.", numbers)
    )


def items(report: Report) -> str:
    """What became of items."""
    requests, saved = report.requests, report.saved
    if requests.delivered is None:
        said = ["The crawl was begun by an acrawl that did not count its items."]
    else:
        said = [f"{requests.delivered:,} delivered", f"{requests.dropped or 0:,} dropped by pipelines"]
        said += [f"{saved.failed:,} could not be taken"]
    if requests.totals.undelivered:
        said.append(f"{requests.totals.undelivered:,} results still to be delivered")
    first = f"<p>{', '.join(said)}.</p>" if requests.delivered is not None else f"<p>{' '.join(said)}</p>"
    if not saved.failures:
        return first
    heads = [
        Column("reason", "text"),
        Column("items"),
        Column("a page that made one", "text"),
        Column("what is wrong", "text"),
    ]
    rows = [
        [text(middle(one.reason, 300)), count(one.items), Cell(link(one.url)), text(middle(one.example, 300))]
        for one in saved.failures
    ]
    hint = '<p class="hint"><b>More:</b> <code>acrawl audit --items</code> lists all of them.</p>'
    return first + table("Items and files that could not be taken", heads, rows) + hint


def gallery(report: Report, pictures: Sequence[Picture]) -> str:
    """Some of the saved images. They are data in the page, and in `img` elements only."""
    total = report.saved.images
    if not pictures:
        where = f" in {esc(report.crawl.bucket)}" * bool(report.crawl.bucket)
        return f"<p>{total:,} images were saved{where}; none of them can be shown here.</p>"
    weight = sum(len(one.data) for one in pictures)
    what = "All" if len(pictures) == total else f"{len(pictures):,} of"
    said = (
        f"<p>{what} {total:,} distinct image{'s' * (total != 1)}, made small for this page ({size(weight)} of it).</p>"
    )
    return f'{said}<div class="gallery">{"".join(map(_card, pictures))}</div>'


def _card(picture: Picture) -> str:
    url = open_(picture.url)
    name = middle(url.partition("?")[0].rstrip("/").rpartition("/")[2] or url, 40)
    alt = picture.alt or f"image {name}"
    pixels = f"{picture.width} \u00d7 {picture.height} · " if picture.width and picture.height else ""
    data = base64.b64encode(picture.data).decode()
    page = f"<small>on {link(picture.page, 40)}</small>" if picture.page else ""
    image = f'<img src="data:{esc(picture.shown)};base64,{data}" alt="{esc(middle(alt, 200))}">'
    return (
        f'<figure><div class="well">{image}</div>'
        f'<figcaption><b title="{esc(middle(url, 300))}"><bdi>{esc(name)}</bdi></b>'
        f"<small>{pixels}{size(picture.size)}</small>{page}</figcaption></figure>"
    )
