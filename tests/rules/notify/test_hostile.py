"""What people call themselves and their events comes out as text, wherever it is put."""

import re
from html import unescape

import pytest

from tests.support.mails import KeepingPost, delivered, html_of, mail_over, text_of
from tests.support.sales import Till, fresh_key
from ticketing.entry.mail import Mail
from ticketing.notify.letters import greeting
from ticketing.notify.writing import UnknownName, filled, one_line, template

HOSTILE = (
    "{{7*7}}",
    "{a.__class__}",
    "{0.__init__.__globals__}",
    "{order_code}",
    "{greeting}",
    "%s%n%x",
    "%(secret)s",
    "${jndi:ldap://x}",
    "#{7*7}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></td></tr></table>",
    "&lt;b&gt;",
    "a\\r\\nBcc: eve@example.org",
    "=?utf-8?q?a=0D=0ABcc:_eve@example.org?=",
    "*bold* _it_ => order | click",
    "- Total: €0",
    "# Heading",
    "\u202etxt.exe",
    "日本語 🎉 ñ",
)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_comes_out_as_text(till: Till, mail: Mail, post: KeepingPost, name: str) -> None:
    await till.change(event_name=name)
    await till.held(0, 1)

    await delivered(mail)

    (sent,) = post.mails
    shown = one_line(name)
    assert sent["Subject"] == f"Your tickets: {shown}".replace("=?", "= ?")
    assert sent["Bcc"] is None
    assert sorted(set(sent.keys())) == [
        "Auto-Submitted",
        "Content-Language",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
        "X-Auto-Response-Suppress",
    ]
    assert f"Event: {shown}" in text_of(sent)
    html = html_of(sent)
    assert re.search(r"<(script|img)", html) is None
    assert html.count("</table>") == html.count("<table")
    assert shown in unescape(re.sub(r"<[^>]*>", "", html))


@pytest.mark.parametrize("name", ["evil\r\nBcc: eve@example.org", "evil\nX: y", "a\u2028b", "a\x00b", "a\x85b"])
def test_no_line_break_gets_into_a_line(name: str) -> None:
    assert one_line(name).splitlines() == [one_line(name)]
    assert one_line(name).isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "You won! http://evil.example",
        "www.evil.example",
        "evil.com",
        "call me at evil@example.org",
        "<b>Ada</b>",
        "A" * 41,
        "",
        "\u202e",
    ],
)
def test_who_orders_for_a_stranger_does_not_speak_to_them_through_us(name: str) -> None:
    assert greeting(name, language="en") == "Hello,"


@pytest.mark.parametrize("name", ["Ada", "Anne-Marie", "D’Artagnan", "J. R. R.", "Zoë", "明", "{{7*7}}"[2:5]])
def test_a_name_is_greeted(name: str) -> None:
    assert greeting(name, language="en") == f"Hello {name},"
    assert greeting(name, language="de") == f"Hallo {name},"


def test_a_value_is_never_looked_at_again() -> None:
    assert filled("{a} {b}", {"a": "{b}", "b": "{a}"}) == "{b} {a}"


def test_a_template_names_only_what_it_is_given() -> None:
    with pytest.raises(UnknownName):
        filled("{secret}", {"name": "x"})


def test_both_languages_say_the_same_things() -> None:
    from ticketing.notify.model import MailKind

    for kind in MailKind:
        parts = [[block.sort for block in template(kind.value, language)] for language in ("en", "de")]
        names = [
            sorted(set(re.findall(r"\{\w+\}", " ".join(block.words for block in template(kind.value, language)))))
            for language in ("en", "de")
        ]
        assert parts[0] == parts[1], kind
        assert names[0] == names[1], kind


async def test_a_token_is_in_no_header_and_in_no_log(
    till: Till, post: KeepingPost, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await till.api.post("/v1/orders", till.body(0, 1), key=fresh_key())
    token = answer.json()["access_token"]

    await delivered(mail_over(till.api.house, post))

    (sent,) = post.mails
    assert token in text_of(sent)
    assert all(token not in str(value) for value in sent.values())
    out = capsys.readouterr()
    assert token not in out.out + out.err
