"""What -o names, and what of it may be shown."""

import os

import pytest

from acrawl.results.feeds.spec import parse, shown


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("a.jsonl", ("a.jsonl", "jsonl", "")),
        ("a#b.jsonl", ("a#b.jsonl", "jsonl", "")),
        ("-", ("-", "jsonl", "")),
        ("a.sqlite", ("a.sqlite", "sqlite", "items")),
        ("a.DB#books", ("a.DB", "sqlite", "books")),
        ("a#books:sqlite", ("a", "sqlite", "books")),
        ("a.sqlite#", ("a.sqlite", "sqlite", "items")),
        ("c#/a.sqlite", ("c#/a.sqlite", "sqlite", "items")),
        ("a.parquet", ("a.parquet", "parquet", "")),
        ("a#b:parquet", ("a#b", "parquet", "")),
        ("postgres://h/db", ("postgres://h/db", "postgresql", "items")),
        ("postgresql://u:p@h:5/db?x=y#a%20b.c", ("postgresql://u:p@h:5/db?x=y", "postgresql", "a b.c")),
        ("HTTPS://h/a:b#c", ("HTTPS://h/a:b#c", "webhook", "")),
    ],
)
def test_a_spec_has_a_place_a_format_and_maybe_a_table(typed, parts):
    spec = parse(typed)
    expected = tuple(part.replace("/", os.sep) if "://" not in part else part for part in parts)
    assert (spec.path, spec.format, spec.table) == expected


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("a.jsonl", "a.jsonl"),
        ("postgresql://h:5/db#t", "postgresql://h:5/db#t"),
        ("postgresql://u:s3cret@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u@h/db?password=s3cret#t", "postgresql://u@h/db?***"),
        ("https://u:s3cret@h:5/s3cret?s3cret", "https://h:5/***"),
        ("https://h?s3cret", "https://h/***"),
        ("https://u:s3cr/et@h/", "https://***/***"),
        ("https://h/p@s3cret", "https://h/***"),
        ("mysql://u:s3cret@h/db", "mysql://u:***@h/db"),
    ],
)
def test_secrets_of_a_spec_are_not_shown(typed, text):
    assert shown(typed) == text
