"""What a form sends: the HTML standard, "Form submission infrastructure", case by case."""

import pytest

from acrawl.parse.document import Document
from acrawl.parse.form import forms
from acrawl.parse.formdata import NO_FILE, File, encoded, multipart, urlencoded


def page(markup, content_type="text/html; charset=utf-8", codec="utf-8"):
    return Document(markup.encode(codec), "https://h.test/a/b?c=d#e", content_type)


def form(markup, **more):
    return forms(page(markup, **more))[0]


def sent(markup, button=None):
    found = form(markup)
    return found.entries(None if button is None else found.buttons()[button])


CONTROLS = [
    # texts
    ("<input name=a>", [("a", "")]),
    ("<input name=a value=b type=unknown>", [("a", "b")]),
    ("<input value=b>", []),
    ("<input name='' value=b>", []),
    ("<input name=a type=text value='x\ny\r\nz'>", [("a", "xyz")]),
    ("<input name=a type=hidden value='x\ny'>", [("a", "x\ny")]),
    ("<input name=a type=password value=' p '>", [("a", " p ")]),
    ("<input name=a type=email value=' p@h.test '>", [("a", "p@h.test")]),
    ("<input name=a type=email multiple value=' p@h.test , q@h.test'>", [("a", "p@h.test,q@h.test")]),
    ("<input name=a type=url value=' http://h.test/ '>", [("a", "http://h.test/")]),
    ("<input name=a type=NUMBER value=-1.5e3>", [("a", "-1.5e3")]),
    ("<input name=a type=number value=1,5>", [("a", "")]),
    ("<input name=a type=date value=2024-02-29>", [("a", "2024-02-29")]),
    ("<input name=a type=date value=29.2.24>", [("a", "")]),
    ("<input name=a type=month value=2024-02>", [("a", "2024-02")]),
    ("<input name=a type=week value=2024-W02>", [("a", "2024-W02")]),
    ("<input name=a type=time value=23:59:01.5>", [("a", "23:59:01.5")]),
    ("<input name=a type=datetime-local value='2024-02-29 23:59'>", [("a", "2024-02-29T23:59")]),
    ("<input name=a type=color><input name=b type=color value=#ABCDEF>", [("a", "#000000"), ("b", "#abcdef")]),
    ("<input name=a type=range>", [("a", "50")]),
    ("<input name=a type=range min=10 max=20 value=30>", [("a", "20")]),
    ("<input name=a type=range min=10 max=0>", [("a", "10")]),
    ("<input name=a type=range min=0 max=1>", [("a", "0.5")]),
    ("<input name=_charset_ type=hidden value=x>", [("_charset_", "UTF-8")]),
    ("<input name=_CHARSET_ type=hidden>", [("_CHARSET_", "UTF-8")]),
    ("<input name=_charset_ value=x>", [("_charset_", "x")]),
    ("<input name=a type=file>", [("a", NO_FILE)]),
    # text areas
    ("<textarea name=a>\nx\ny</textarea>", [("a", "x\ny")]),
    ("<textarea name=a>\n\n x </textarea>", [("a", "\n x ")]),
    ("<textarea name=a><b>x</b>&amp;</textarea>", [("a", "<b>x</b>&")]),
    ("<textarea>x</textarea>", []),
    # check boxes and radio buttons
    ("<input type=checkbox name=a>", []),
    ("<input type=checkbox name=a checked>", [("a", "on")]),
    ("<input type=checkbox name=a checked value=''>", [("a", "")]),
    ("<input type=checkbox name=a checked value=1><input type=checkbox name=b checked>", [("a", "1"), ("b", "on")]),
    ("<input type=radio name=a value=1 checked><input type=radio name=a value=2 checked>", [("a", "2")]),
    ("<input type=radio name=a value=1 checked><input type=radio name=b value=2 checked>", [("a", "1"), ("b", "2")]),
    ("<input type=radio name=a value=1>", []),
    # lists
    ("<select name=a><option>1<option>2</select>", [("a", "1")]),
    ("<select name=a><option disabled>1<option>2</select>", [("a", "2")]),
    ("<select name=a><optgroup disabled><option>1</optgroup><optgroup><option>2</select>", [("a", "2")]),
    ("<select name=a><option disabled>1</select>", []),
    ("<select name=a><option selected>1<option selected>2<option>3</select>", [("a", "2")]),
    ("<select name=a><option>1<option selected disabled>2</select>", []),
    ("<select name=a size=2><option>1<option>2</select>", []),
    ("<select name=a size=1><option>1<option>2</select>", [("a", "1")]),
    ("<select name=a multiple><option>1<option>2</select>", []),
    ("<select name=a multiple><option selected>1<option>2<option selected value=3></select>", [("a", "1"), ("a", "3")]),
    ("<select name=a><option value=''>1</select>", [("a", "")]),
    ("<select name=a><option label=x> one \n two <b>bold</b></select>", [("a", "one two bold")]),
    ("<select name=a></select><select><option>1</select>", []),
    # buttons that are not clicked
    ("<button name=a>x</button><input type=submit name=b><input type=image name=c>", []),
    ("<input type=button name=a value=1><input type=reset name=b value=2><button type=button name=c></button>", []),
    # what takes no part
    ("<input name=a disabled>", []),
    ("<fieldset disabled><input name=a></fieldset><input name=b>", [("b", "")]),
    ("<fieldset disabled><legend><i><input name=a></i></legend><input name=b></fieldset>", [("a", "")]),
    ("<fieldset disabled><legend></legend><legend><input name=a></legend></fieldset>", []),
    ("<fieldset disabled><div><legend><input name=a></legend></div></fieldset>", []),
    ("<fieldset disabled><legend><fieldset><input name=a></fieldset></legend></fieldset>", [("a", "")]),
    ("<fieldset disabled><fieldset disabled><legend><input name=a></legend></fieldset></fieldset>", []),
    ("<input list=l name=a><datalist id=l><option>x</option><input name=b></datalist>", [("a", "")]),
    ("<template><input name=a></template>", []),
    ("<object name=a></object><output name=b>x</output><meter name=c></meter>", []),
    # directions
    ("<input name=a dirname=a.dir value=x>", [("a", "x"), ("a.dir", "ltr")]),
    ("<div dir=rtl><p><input name=a dirname=d></p></div>", [("a", ""), ("d", "rtl")]),
    ("<textarea name=a dirname=d dir=auto>123 \u05d0</textarea>", [("a", "123 \u05d0"), ("d", "rtl")]),
    ("<div dir=rtl><input type=tel name=a dirname=d></div>", [("a", ""), ("d", "ltr")]),
    ("<input name=a dirname=''><input type=number name=b dirname=d>", [("a", ""), ("b", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("markup", "entries"), CONTROLS)
def test_controls(markup, entries):
    assert sent(f"<form>{markup}</form>") == entries


@pytest.mark.parametrize(
    ("markup", "button", "entries"),
    [
        ("<button name=a value=1>x</button><button name=a value=2>y</button>", 1, [("a", "2")]),
        ("<button name=a>x</button>", 0, [("a", "")]),
        ("<button type=wrong name=a value=1></button>", 0, [("a", "1")]),
        ("<input type=submit>", 0, []),
        ("<input type=submit name=a value='x\ny'>", 0, [("a", "x\ny")]),
        ("<input type=image name=a value=z>", 0, [("a.x", "0"), ("a.y", "0")]),
        ("<input type=image>", 0, [("x", "0"), ("y", "0")]),
        ("<input name=b><button disabled name=a></button><button name=c></button>", 0, [("b", ""), ("c", "")]),
    ],
)
def test_the_button_that_is_clicked(markup, button, entries):
    assert sent(f"<form>{markup}</form>", button) == entries


OWNERS = [
    ("<form id=f><input name=a form=g></form><form id=g></form><input name=b form=f>", [["b"], ["a"]]),
    ("<form id=f></form><form id=f></form><input name=a form=f>", [["a"], []]),
    ("<form><input name=a form></form>", [[]]),
    ("<form><input name=a form=none></form>", [[]]),
    ("<form id=''><input name=a></form><input form='' name=b>", [["a"]]),
    ("<form><form><input name=a></form>", [["a"]]),
    ("<form><div></form><input name=a></div><form><input name=b></form>", [["a"], ["b"]]),
    # A form between rows is empty in the tree; the parser remembers it.
    ("<table><form><tr><td><input name=a></form></td></tr></table><input name=b>", [["a"]]),
    ("<table><tr><form><td><input name=a></td></form></tr><tr><form><td><input name=b></form></table>", [["a"], ["b"]]),
    ("<table><tr><td><form></form><input name=a></table>", [[]]),
]


@pytest.mark.parametrize(("markup", "names"), OWNERS)
def test_which_form_owns_a_control(markup, names):
    assert [[name for name, _ in each.entries()] for each in forms(page(markup))] == names


SUBMISSIONS = [
    ("<form>", "GET", "https://h.test/a/b?c=d#e", "application/x-www-form-urlencoded"),
    ("<form action=''>", "GET", "https://h.test/a/b?c=d#e", "application/x-www-form-urlencoded"),
    ("<form action=' x '>", "GET", "https://h.test/a/x", "application/x-www-form-urlencoded"),
    ("<base href=/z/><form action=x>", "GET", "https://h.test/z/x", "application/x-www-form-urlencoded"),
    ("<base href=/z/><form>", "GET", "https://h.test/a/b?c=d#e", "application/x-www-form-urlencoded"),
    ("<form method=PoSt enctype=Multipart/Form-Data>", "POST", "https://h.test/a/b?c=d#e", "multipart/form-data"),
    ("<form method=put enctype=x>", "GET", "https://h.test/a/b?c=d#e", "application/x-www-form-urlencoded"),
    ("<form action=javascript:x>", "GET", "javascript:x", "application/x-www-form-urlencoded"),
    (
        "<form action=x><button formaction=y formmethod=post formenctype=text/plain>",
        "POST", "https://h.test/a/y", "text/plain",
    ),
    ("<form action=x method=post><button formaction='' formmethod=get>", "GET", "https://h.test/a/b?c=d#e",
     "application/x-www-form-urlencoded"),
]  # fmt: skip


@pytest.mark.parametrize(("markup", "method", "action", "enctype"), SUBMISSIONS)
def test_where_and_how_it_is_sent(markup, method, action, enctype):
    found = form(markup)
    button = next(iter(found.buttons()), None)
    assert (found.method(button), found.action(button), found.enctype(button)) == (method, action, enctype)


@pytest.mark.parametrize(
    ("attribute", "charset", "codec", "name"),
    [
        ("", "utf-8", "utf-8", "UTF-8"),
        ("", "shift_jis", "cp932", "Shift_JIS"),
        ("", "latin1", "windows-1252", "windows-1252"),
        ("", "gb2312", "gbk", "GBK"),
        ("", "iso-8859-2", "iso-8859-2", "ISO-8859-2"),
        ("", "koi8-r", "koi8-r", "KOI8-R"),
        ("", "utf-16le", "utf-8", "UTF-8"),
        ("none iso-8859-5 utf-8", "utf-8", "iso-8859-5", "ISO-8859-5"),
    ],
)
def test_the_encoding_is_the_forms_else_the_documents(attribute, charset, codec, name):
    markup = f"<form accept-charset='{attribute}'><input type=hidden name=_charset_>"
    found = form(
        markup, content_type=f"text/html; charset={charset}", codec="utf-16-le" if "16" in charset else "ascii"
    )
    assert found.encoding == codec
    assert found.entries() == [("_charset_", name)]


@pytest.mark.parametrize(
    ("entries", "codec", "query"),
    [
        ([("a b", "c+d&e=f")], "utf-8", "a+b=c%2Bd%26e%3Df"),
        ([("a", "*-._~'!()")], "utf-8", "a=*-._%7E%27%21%28%29"),
        ([("a", "x\ny\rz\r\n")], "utf-8", "a=x%0D%0Ay%0D%0Az%0D%0A"),
        ([("\u00e9", "\u20ac")], "utf-8", "%C3%A9=%E2%82%AC"),
        ([("\u00e9", "\u20ac\u0436")], "windows-1252", "%E9=%80%26%231078%3B"),
        ([("a", "\u65e5\u00e9")], "cp932", "a=%93%FA%26%23233%3B"),
        ([("a", "\ud800")], "utf-8", "a=%EF%BF%BD"),
        ([("a", ""), ("a", "1")], "utf-8", "a=&a=1"),
        ([("a", File("x y.txt", b"..."))], "utf-8", "a=x+y.txt"),
        ([], "utf-8", ""),
    ],
)
def test_urlencoded(entries, codec, query):
    assert urlencoded(entries, codec) == query


def test_multipart_with_the_standards_escapes():
    file = File('n"\r\n\u0436.txt', b"\r\n\0\xff", "text/x")
    body, boundary = multipart([("a", "x\ny"), ('q"\n', "\u00e9\u0436"), ("f", file), ("n", NO_FILE)], "windows-1252")
    name = b"\r\nContent-Disposition: form-data; name="
    assert body.split(b"--" + boundary.encode()) == [
        b"",
        name + b'"a"\r\n\r\nx\r\ny\r\n',
        name + b'"q%22%0D%0A"\r\n\r\n\xe9&#1078;\r\n',
        name + b'"f"; filename="n%22%0D%0A&#1078;.txt"\r\nContent-Type: text/x\r\n\r\n\r\n\0\xff\r\n',
        name + b'"n"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n\r\n',
        b"--\r\n",
    ]


def test_the_same_entries_make_the_same_body_and_others_another_boundary():
    assert multipart([("a", "1")], "utf-8") == multipart([("a", "1")], "utf-8")
    assert multipart([("a", "1")], "utf-8")[1] != multipart([("a", "2")], "utf-8")[1]


def test_plain_text_is_not_escaped():
    assert encoded([("a", "b\nc"), ("f", File("x", b"1"))], "text/plain", "utf-8") == (
        b"a=b\r\nc\r\nf=x\r\n",
        "text/plain",
    )


@pytest.mark.parametrize("times", [1, 20_000])
def test_forms_of_monsters_are_read(times):
    deep = "<fieldset disabled><div dir=auto>" * 400 + "<input name=a dirname=d>" * times
    assert sent(f"<form>{deep}<input name=b form=x></form>") == []
    assert len(sent(f"<form>{'<div>' * 900}{'<input name=a dirname=d>' * times}</form>")) == 2 * times
