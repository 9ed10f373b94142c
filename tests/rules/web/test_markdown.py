"""What organizers write becomes HTML that can do no harm, and plain words."""

import re

import pytest

from ticketing.web.markdown import excerpt, plain, rendered


def test_marks_become_tags_and_headings_stand_beneath_the_pages_own() -> None:
    html = rendered("# Programme\n\n**Haydn** and *Mozart*\nat eight\n\n- one\n- two\n\n###### small")

    assert '<h3 dir="auto">Programme</h3>' in html
    assert "<strong>Haydn</strong> and <em>Mozart</em><br>" in html
    assert html.count('<li dir="auto">') == 2
    assert '<h6 dir="auto">small</h6>' in html


def test_links_lead_out_and_are_not_vouched_for() -> None:
    html = rendered("[Tickets](https://example.org/a?b=1&c=2) and [mail](mailto:a@example.org)")

    assert 'href="https://example.org/a?b=1&amp;c=2" rel="nofollow noopener noreferrer"' in html
    assert 'href="mailto:a@example.org"' in html


def test_a_picture_from_elsewhere_is_a_link() -> None:
    html = rendered("![The hall](https://example.org/hall.jpg)")

    assert "<img" not in html
    assert ">The hall</a>" in html


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "[x](file:///etc/passwd)",
        '[x](https://example.org "onmouseover=alert(1)")',
        '[x](https://example.org"onmouseover="alert(1))',
        "![x](javascript:alert(1))",
        '![x"><script>alert(1)</script>](https://example.org)',
        "<https://example.org/<script>>",
        "`<script>`",
        "```html\n<script>alert(1)</script>\n```",
        "[a]: javascript:alert(1)\n\n[a]",
        "<a href='javascript:alert(1)'>x</a>",
        "<style>*{display:none}</style>",
        "<iframe src=https://example.org></iframe>",
        "<form action=https://example.org><input name=q></form>",
        "x\n\n<div style='position:fixed'>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<!--><script>alert(1)</script>-->",
    ],
)
def test_nothing_that_people_write_runs_or_looks_like_ours(evil: str) -> None:
    html = str(rendered(evil))

    tags = re.findall(r"<(/?[a-z0-9]+)([^>]*)>", html)
    assert {name.strip("/") for name, _ in tags} <= {"p", "br", "a", "code", "pre"}
    for _, attributes in tags:
        assert not re.search(r"\b(?:on\w+|style|src|class|id)=", re.sub(r'(?:href|title)="[^"]*"', "", attributes))
        for href in re.findall(r'href="([^"]*)"', attributes):
            assert href.startswith(("https://example.org", "mailto:")), href


def test_deep_nesting_is_read_in_no_time() -> None:
    assert len(rendered("> " * 5_000 + "x")) < 20_000
    assert "x" in rendered("[" * 5_000 + "x")


def test_plain_words_have_no_marks() -> None:
    text = "# Programme\n\n**Haydn** & [Mozart](https://example.org)\nat `eight`\n\n- one\n- two\n\n<b>bold</b>"

    assert plain(text) == "Programme\nHaydn & Mozart\nat eight\none\ntwo\n<b>bold</b>"


def test_an_excerpt_ends_with_a_word() -> None:
    assert excerpt("A *quiet* evening,\n\nwith songs", most=100) == "A quiet evening, with songs"
    assert excerpt("A *quiet* evening, with songs", most=18) == "A quiet evening…"
    assert excerpt("Donaudampfschifffahrt", most=6) == "Donau…"
