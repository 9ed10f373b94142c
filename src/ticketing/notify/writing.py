"""How a template becomes a mail: one source for the plain text and the HTML, with a flat list of names that are put in as text.

Nothing in a value is ever looked at: no expression, no attribute, no format, no markup. A template is made of lines:

    subject: words             the header, once, first
    preview: words             what mail programs show beside the subject
    # words                    a heading
    - label: words             a row of a table of two columns; left out where nothing is on its right
    * name                     a list that is given by name, a line for each item
    => name | words            a button that leads to the address of this name, with these words on it
    anything else              a paragraph; an empty line ends it, and one that comes out empty is left out

`{name}` stands for a value.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from textwrap import fill
from typing import Final
from unicodedata import category

TEXT_WIDTH: Final = 76
SUBJECT_LENGTH_MAX: Final = 160
_NAME: Final = re.compile(r"\{([a-z_]+)\}")
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: a ticket's kind, and what more there is to say of it."""

    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Values:
    """What a template may name: words, addresses for its buttons, and lists."""

    words: Mapping[str, str]
    addresses: Mapping[str, str]
    lists: Mapping[str, Sequence[Item]]


@dataclass(frozen=True, slots=True)
class Written:
    """A mail in words."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Block:
    """One part of a template: what it is, its words, and the name or label before them."""

    sort: str
    words: str
    name: str = ""


class UnknownName(KeyError):
    """A template names something that it is not given: our own mistake."""


def one_line(text: str, *, length_max: int = SUBJECT_LENGTH_MAX) -> str:
    """The text without line breaks, control and direction characters, and no longer than so many characters."""
    visible = "".join(" " if category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)
    visible = "".join(letter for letter in visible if category(letter) not in ("Cf", "Cs") or letter == "\u200d")
    line = _SPACES.sub(" ", visible).strip()
    return line if len(line) <= length_max else line[: length_max - 1].rstrip() + "…"


def filled(template: str, words: Mapping[str, str]) -> str:
    """The template with every name replaced once; what a value says is not looked at. Raises UnknownName."""

    def put(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in words:
            raise UnknownName(name)
        return words[name]

    return _NAME.sub(put, template)


def written(name: str, language: str, values: Values) -> Written:
    """The mail of this template in this language, in plain text and in HTML."""
    blocks = template(name, language)
    plain = {key: one_line(value, length_max=1_000) for key, value in values.words.items()}
    subject = one_line(next(filled(block.words, plain) for block in blocks if block.sort == "subject"))
    preview = next((filled(block.words, plain) for block in blocks if block.sort == "preview"), "")
    shown = [block for block in blocks if block.sort not in ("subject", "preview")]
    return Written(
        subject=subject,
        text=_as_text(shown, plain, values),
        html=_as_html(shown, plain, values, language=language, subject=subject, preview=preview),
    )


@cache
def template(name: str, language: str) -> tuple[_Block, ...]:
    """The blocks of a template, with the closing words of every mail after them."""
    folder = files("ticketing.notify").joinpath("templates", language)
    source = (
        folder.joinpath(f"{name}.txt").read_text("utf-8") + "\n" + folder.joinpath("closing.txt").read_text("utf-8")
    )
    return tuple(_blocks(source))


@cache
def phrases(language: str) -> Mapping[str, str]:
    """The short pieces that values are made of, by name: `name = words` in `phrases.txt`."""
    source = files("ticketing.notify").joinpath("templates", language, "phrases.txt").read_text("utf-8")
    pairs = (line.split(" = ", 1) for line in source.splitlines() if " = " in line)
    return {name.strip(): words.strip() for name, words in pairs}


def _blocks(source: str) -> list[_Block]:
    found: list[_Block] = []
    paragraph: list[str] = []

    def end_paragraph() -> None:
        if paragraph:
            found.append(_Block("paragraph", " ".join(paragraph)))
            paragraph.clear()

    for line in source.splitlines():
        line = line.strip()
        block = _special(line)
        if block is None and line:
            paragraph.append(line)
            continue
        end_paragraph()
        if block is not None:
            found.append(block)
    end_paragraph()
    return found


def _special(line: str) -> _Block | None:
    sign, _, rest = line.partition(" ")
    match sign:
        case "subject:" | "preview:":
            return _Block(sign.removesuffix(":"), rest)
        case "#":
            return _Block("heading", rest)
        case "--":
            return _Block("small", rest)
        case "-":
            label, _, words = rest.partition(": ")
            return _Block("row", words, label)
        case "*":
            return _Block("list", "", rest)
        case "=>":
            name, _, words = rest.partition(" | ")
            return _Block("button", words, name)
    return None


# plain text ----------------------------------------------------------------------------------------------------------


def _as_text(blocks: Sequence[_Block], words: Mapping[str, str], values: Values) -> str:
    parts: list[str] = []
    before = ""
    for block in blocks:
        part = _text_of(block, words, values)
        if part:
            joins = block.sort == before == "row"
            parts.append(("\n" if joins else "\n\n" if parts else "") + part)
            before = block.sort
    return "".join(parts) + "\n"


def _text_of(block: _Block, words: Mapping[str, str], values: Values) -> str:
    said = filled(block.words, words).strip()
    match block.sort:
        case "heading":
            return f"{said}\n{'=' * min(len(said), TEXT_WIDTH)}"
        case "row":
            return f"{block.name}: {said}" if said else ""
        case "list":
            items = [(one_line(item.title), one_line(item.detail)) for item in values.lists[block.name]]
            return "\n".join(f"* {title}" + (f" – {detail}" if detail else "") for title, detail in items)
        case "button":
            return f"{said}:\n{values.addresses[block.name]}"
        case "small":
            return f"--\n{fill(said, TEXT_WIDTH)}" if said else ""
    return fill(said, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False) if said else ""


# HTML ----------------------------------------------------------------------------------------------------------------
# Tables and inline styles, which Outlook and Gmail understand; the style element adds dark colours for those that read it.

_FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_STYLES: Final = {
    "heading": f"margin:0 0 16px;{_FONT};font-size:24px;line-height:30px;font-weight:700;color:#17181c",
    "paragraph": f"margin:0 0 16px;{_FONT};font-size:16px;line-height:24px;color:#33353b",
    "small": f"margin:24px 0 0;padding-top:16px;border-top:1px solid #e3e4e8;{_FONT};font-size:13px;line-height:19px;color:#6a6d76",
    "label": f"padding:4px 16px 4px 0;{_FONT};font-size:14px;line-height:20px;color:#6a6d76;vertical-align:top;white-space:nowrap",
    "value": f"padding:4px 0;{_FONT};font-size:16px;line-height:22px;font-weight:600;color:#17181c;vertical-align:top",
    "item": f"padding:12px 0;border-top:1px solid #e3e4e8;{_FONT};font-size:16px;line-height:22px;color:#17181c",
    "detail": "font-size:14px;color:#6a6d76",
    "button": (
        f"display:inline-block;padding:14px 28px;{_FONT};font-size:16px;line-height:20px;font-weight:700;"
        "color:#ffffff;text-decoration:none"
    ),
}
_TABLE: Final = (
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 20px">'
)


def _as_html(
    blocks: Sequence[_Block], words: Mapping[str, str], values: Values, *, language: str, subject: str, preview: str
) -> str:
    safe = {name: escape(value) for name, value in words.items()}
    parts: list[str] = []
    rows: list[str] = []
    for block in blocks:
        if block.sort == "row":
            said = filled(escape(block.words), safe).strip()
            if said:
                rows.append(
                    f'<tr><td class="quiet" style="{_STYLES["label"]}">{escape(block.name)}</td>'
                    f'<td class="ink" width="100%" style="{_STYLES["value"]}">{said}</td></tr>'
                )
            continue
        if rows:
            parts.append(f"{_TABLE}{''.join(rows)}</table>")
            rows = []
        parts.append(_html_of(block, safe, values))
    if rows:
        parts.append(f"{_TABLE}{''.join(rows)}</table>")
    return filled(
        _layout(),
        {
            "language": language,
            "subject": escape(subject),
            "preview": escape(preview),
            "body": "\n".join(part for part in parts if part),
        },
    )


def _html_of(block: _Block, safe: Mapping[str, str], values: Values) -> str:
    said = filled(escape(block.words), safe).strip()
    match block.sort:
        case "list":
            rows = [
                f'<tr><td class="ink line" style="{_STYLES["item"]}"><strong>{escape(one_line(item.title))}</strong>'
                + (
                    f'<br><span class="quiet" style="{_STYLES["detail"]}">{escape(one_line(item.detail))}</span>'
                    if item.detail
                    else ""
                )
                + "</td></tr>"
                for item in values.lists[block.name]
            ]
            return f"{_TABLE}{''.join(rows)}</table>" if rows else ""
        case "button":
            address = escape(values.addresses[block.name])
            return (
                '<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:8px 0 24px"><tr>'
                f'<td class="button" bgcolor="#c70056" style="border-radius:10px;background:#c70056">'
                f'<a href="{address}" style="{_STYLES["button"]}">{said}</a></td></tr></table>'
            )
        case "heading":
            return f'<h1 class="ink" style="{_STYLES["heading"]}">{said}</h1>'
        case "small":
            return f'<p class="quiet line" style="{_STYLES["small"]}">{said}</p>' if said else ""
    return f'<p class="text" style="{_STYLES["paragraph"]}">{said}</p>' if said else ""


@cache
def _layout() -> str:
    return files("ticketing.notify").joinpath("templates", "layout.html").read_text("utf-8")
