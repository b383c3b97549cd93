"""What was typed, as it may be shown."""

from __future__ import annotations

import pytest

from acrawl.cli.sharing import shareable


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (("images", "https://a.test/", "-o", "pictures"), "acrawl images https://a.test/ -o pictures"),
        (("run", "s.py", "-a", "color=red", "-a", "token=x"), "acrawl run s.py -a color=red -a 'token=***'"),
        (("run", "s.py", "-apassword=x"), "acrawl run s.py '-apassword=***'"),
        (("run", "s.py", "--set=auth.hosts={}"), "acrawl run s.py '--set=auth.hosts=***'"),
        (("run", "s.py", "-s", "proxy.urls=http://u:p@h"), "acrawl run s.py -s 'proxy.urls=***'"),
        (
            ("run", "s.py", "-s", "fetch.headers={Cookie='a=b'}", "-s", "fetch.max_body=1"),
            "acrawl run s.py -s 'fetch.headers=***' -s fetch.max_body=1",
        ),
        (
            ("run", "s.py", "-o", "postgresql://ann:pw@h/db#t"),
            "acrawl run s.py -o 'postgresql://ann:***@h/db#t'",
        ),
        (("run", "s.py", "-o", "https://hook.test/T0/secret"), "acrawl run s.py -o 'https://hook.test/***'"),
        (("run", "s.py", "--output", "a b.jsonl"), "acrawl run s.py --output 'a b.jsonl'"),
        (("pages", "https://ann:pw@a.test/?api_key=1&p=2"), "acrawl pages 'https://ann:***@a.test/?api_key=***&p=2'"),
        (("run", "s.py", "-qs", "auth.password=x"), "acrawl run s.py -q -s 'auth.password=***'"),
        (("run", "s.py", "-qo", "https://hook.test/T0/x"), "acrawl run s.py -q -o 'https://hook.test/***'"),
        (("images", "ann:pw@a.test/"), "acrawl images 'ann:***@a.test/'"),
        ((), ""),
    ],
)
def test_secrets_are_left_out(typed, shown):
    assert shareable(typed) == shown
