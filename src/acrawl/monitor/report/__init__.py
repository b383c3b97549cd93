"""The figures of a crawl as one page that needs nothing else: no request leaves it, and all is there without a script.

What comes from the web is escaped, links lead to http(s) only, and a policy in the page forbids all but its own style,
its own script, by their digests, and pictures that are data in it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
from collections.abc import Sequence
from typing import NamedTuple

from acrawl.figures import Picture, Report
from acrawl.monitor.report.findings import findings
from acrawl.monitor.report.head import cards, header, title
from acrawl.monitor.report.outcomes import changes, depths, ends, hosts, lines, troubles
from acrawl.monitor.report.saved import files, gallery, items
from acrawl.monitor.report.texts import esc, moment
from acrawl.monitor.report.traffic import answers, durations, rate, retries

__all__ = ["render"]


class _Section(NamedTuple):
    name: str
    short: str
    title: str
    body: str


def render(report: Report, pictures: Sequence[Picture] = ()) -> str:
    """The page as HTML."""
    sections = _sections(report, pictures)
    links = "".join(f'<li><a href="#{one.name}">{one.short}</a></li>' for one in sections)
    body = "".join(
        f'<section id="{one.name}" aria-labelledby="{one.name}-h"><h2 id="{one.name}-h">{one.title}</h2>\n'
        f"{one.body}</section>\n"
        for one in sections
    )
    return (
        f'{_head(report)}<body>\n<a class="skip" href="#rate">To the figures</a>\n{header(report)}'
        f'<main>\n{cards(report)}{_findings(report)}<nav aria-label="Sections"><ul>{links}</ul></nav>\n{body}</main>\n'
        f"<footer>Made by acrawl {esc(report.acrawl)} on {moment(report.made_at, zone=True)}. Sizes are decimal: "
        f"1 kB is 1000 B. Percentiles are nearest ranks.</footer>\n"
        f"<script>{_part('report.js')}</script>\n</body>\n</html>\n"
    )


def _sections(report: Report, pictures: Sequence[Picture]) -> list[_Section]:
    requests = report.requests
    sections = [
        _Section("rate", "Rate", "Rate over time", rate(report)),
        _Section("ends", "Ends", "How requests ended", ends(report)),
        _Section("answers", "Answers", "What servers answered", answers(report)),
        _Section("troubles", "Failures", "What failed, and what was kept out", troubles(requests.troubles)),
        _Section("times", "Times", "Response times", durations(requests.latency)),
        _Section("hosts", "Hosts", "Hosts", hosts(report)),
        _Section("slowest", "Slowest", "Slowest requests", lines("Requests that took the longest", requests.slowest)),
        _Section("largest", "Largest", "Largest answers", lines("Requests with the largest bodies", requests.largest)),
        _Section("depth", "Depth", "Depth", depths(requests.depths)),
        _Section("retries", "Retries", "Tried again", retries(report)),
        _Section("files", "Files", "Saved files", files(report)),
        _Section("items", "Items", "Items", items(report)),
    ]
    if report.changes is not None:
        sections.insert(1, _Section("changes", "Changes", "What has changed", changes(report.changes)))
    if report.saved.images:
        sections.append(_Section("images", "Images", "Images", gallery(report, pictures)))
    return sections


def _findings(report: Report) -> str:
    names = {"bad": "Problem", "warn": "Look at", "note": "Note", "good": "Good"}
    rows = "".join(
        f'<li class="{level}"><b>{names[level]}</b><span>{html}'
        + (f' <a href="#{section}">More</a>' if section else "")
        + "</span></li>"
        for level, html, section in findings(report)
    )
    head = '<section aria-labelledby="look-h"><h2 id="look-h">Worth a look</h2>'
    return f'{head}<ul class="findings">{rows}</ul></section>\n'


def _head(report: Report) -> str:
    style, script = _part("report.css"), _part("report.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        '<meta name="generator" content="acrawl report">\n<link rel="icon" href="data:,">\n'
        f"<title>{esc(title(report))}</title>\n<style>{style}</style>\n</head>\n"
    )


@functools.cache
def _part(name: str) -> str:
    return importlib.resources.files("acrawl.monitor.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
