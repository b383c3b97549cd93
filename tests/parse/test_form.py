"""Whatever a page has for forms, they are read, and each control belongs to one form at the most."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl.parse.document import Document
from acrawl.parse.form import forms
from acrawl.parse.formdata import encoded

PIECES = """<form>|<form id=f method=post>|<form enctype=multipart/form-data>|</form>|<input name=a>|
<input name=a form=f>|<input type=radio name=r checked>|<input type=checkbox name=a checked>|
<input type=range min=x max=1e999 name=a>|<input type=image>|<button>|</button>|<select name=s>|
<select multiple name=s size=-1>|<option selected>|<optgroup disabled>|</select>|
<textarea name=t dirname=d dir=auto>|</textarea>|<fieldset disabled>|</fieldset>|<legend>|
</legend>|<datalist>|</datalist>|<table>|<tr>|<td>|</table>|<template>|</template>|<svg>|
<input type=hidden name=_charset_>|<p dir=rtl>|\u0436|&#xD800;|\0|\r\n"""
markup = st.lists(st.sampled_from([piece.strip("\n") for piece in PIECES.split("|")])).map("".join)


@settings(max_examples=300, deadline=None)
@given(markup, st.sampled_from(["utf-8", "cp932", "utf-16-le", "iso2022-jp", "windows-1252"]))
def test_junk_is_read(text, charset):
    page = Document(text.encode(charset, "replace"), "http://h.test/", f"text/html; charset={charset}")
    found = forms(page)
    owned = [control.mem_id for form in found for control in form.controls]
    assert len(owned) == len(set(owned))
    for form in found:
        for button, enctype in itertools.product([None, *form.buttons()], ["multipart/form-data", "text/plain", ""]):
            body, content_type = encoded(form.entries(button), enctype, form.encoding)
            assert body.isascii() or content_type != "application/x-www-form-urlencoded"
