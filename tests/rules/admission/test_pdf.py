"""Tickets in print: read back by a renderer and a decoder, small, always the same, and unharmed by any script."""

import hashlib
import io
import tomllib
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from reportlab.pdfgen.canvas import Canvas

import ticketing.admission
from tests.support.houses import MASTER
from ticketing.admission.codes import CODE_LENGTH, Signer, verify
from ticketing.admission.lettering import Style, Weight, can_show, draw, is_rtl, lines, width
from ticketing.admission.pdf import tickets_pdf
from ticketing.admission.qr import qr_png
from ticketing.admission.sheet import Sheet
from ticketing.base.ids import from_int

FONTS = Path(ticketing.admission.__file__).parent / "fonts"
KILOBYTES_MAX = 60
SIGNER = Signer(MASTER)
EVENT, SEAT = from_int("evt", 7), from_int("adm", 7)
CODE = SIGNER.sign(event_id=EVENT, admission_id=SEAT, generation=1)

SHEET = Sheet(
    event_name="Spring concert",
    day="Saturday 1 May 2027",
    time="19:30 – 22:00 (Europe/Vienna, CEST)",
    place=("Konzerthaus", "Lothringerstraße 20", "1030 Wien, AT"),
    ticket_type="Balcony",
    holder="Ada Lovelace",
    price="€25",
    order_code="7K2M-9XQ4-AB3D",
    human_code=SIGNER.human_code(SEAT),
    code=CODE,
    terms="One person, once.",
    notice="",
    link="https://tickets.example.org/",
    colour=(0.16, 0.19, 0.42),
)
NAMES = [
    "Spring concert",
    "Łódź Ђорђе Ελλάδα Tiếng Việt",
    "مهرجان الموسيقى 2027 (Live) في فيينا",
    "פסטיבל ירושלים",
    "音乐节 北京 2027",
    "さくら まつり",
    "서울 재즈 페스티벌",
    "संगीत समारोह",
    "🎻 Klang & Licht 👩‍💻 ❤️",
    "🎻" * 200,
    "W" * 200,
    "A very long name " * 11,
    "العربية " * 25,
    "เทศกาลดนตรี",
    "\u202edesrever\u202c \u200b\ufeff",
    "<b>&amp; (\\) %s {0} \\000",
    "\U0001fffe \ue000 \u0378",
]


def pdf(*sheets: Sheet) -> bytes:
    return tickets_pdf(sheets, title="Spring concert: tickets", language="en")


def text_of(content: bytes, page: int = 0) -> str:
    return str(pypdfium2.PdfDocument(content)[page].get_textpage().get_text_range())


@pytest.mark.parametrize("name", NAMES)
def test_the_code_on_paper_is_read_back_and_is_true_whatever_the_event_is_called(name: str) -> None:
    content = pdf(replace(SHEET, event_name=name, holder=name, ticket_type=name, place=(name, name, name)))

    picture = pypdfium2.PdfDocument(content)[0].render(scale=2).to_pil()
    (symbol,) = zxingcpp.read_barcodes(picture)
    parts = verify(symbol.text, public_key=SIGNER.public_key(EVENT))
    assert (parts.admission_id, parts.generation) == (SEAT, 1)
    assert len(content) < KILOBYTES_MAX * 1000


def test_a_code_printed_small_and_blurred_is_still_read() -> None:
    picture = pypdfium2.PdfDocument(pdf(SHEET))[0].render(scale=1).to_pil()  # 72 dots an inch

    (symbol,) = zxingcpp.read_barcodes(picture)

    assert symbol.text == CODE


def test_each_ticket_has_a_page_and_all_that_people_need_to_read() -> None:
    content = pdf(SHEET, replace(SHEET, holder="Grace Hopper", human_code="0000-1111-2222"))

    document = pypdfium2.PdfDocument(content)
    first, second = text_of(content), text_of(content, 1)
    assert len(document) == 2
    assert [round(side) for side in document[0].get_size()] == [595, 842]
    shown = (
        SHEET.event_name,
        SHEET.day,
        SHEET.time,
        *SHEET.place,
        "Balcony",
        "€25",
        SHEET.order_code,
        SHEET.human_code,
    )
    assert [each for each in (*shown, SHEET.holder, SHEET.terms) if each not in first] == []
    assert "Grace Hopper" in second
    assert "0000-1111-2222" in second
    assert "ticket 2 of 2" in second


def test_the_same_tickets_are_the_same_bytes() -> None:
    assert pdf(SHEET, SHEET) == pdf(SHEET, SHEET)


def test_it_says_its_title_and_language() -> None:
    content = pdf(SHEET)

    assert pypdfium2.PdfDocument(content).get_metadata_value("Title") == "Spring concert: tickets"
    assert b"/Lang" in content
    assert b"/DisplayDocTitle true" in content


def test_what_is_off_is_said_on_the_ticket() -> None:
    assert "This event was cancelled." in text_of(pdf(replace(SHEET, notice="This event was cancelled.")))


def test_letters_that_cannot_be_printed_are_owned_up_to() -> None:
    assert can_show("Łódź مهرجان 音乐节 🎻")
    assert not can_show("เทศกาล")
    assert "could not be printed" in text_of(pdf(replace(SHEET, holder="เทศกาล")))
    assert "could not be printed" not in text_of(pdf(SHEET))


def drawn(text: str) -> str:
    """What a reader of the page finds as text."""
    written = io.BytesIO()
    canvas = Canvas(written, invariant=1)
    draw(canvas, text, x=40, y=400, style=Style(Weight.REGULAR, 12))
    canvas.showPage()
    canvas.save()
    return text_of(written.getvalue())


def test_text_runs_as_people_read_it() -> None:
    assert is_rtl("مهرجان 2027")
    assert not is_rtl("Live: مهرجان")
    assert "(Live) 2027" in drawn("مهرجان 2027 (Live) في")
    assert drawn("Ελλάδα 2027").strip() == "Ελλάδα 2027"


def test_letters_that_join_are_not_drawn_as_they_stand_alone() -> None:
    style = Style(Weight.REGULAR, 20)

    assert width("محمد", style) != sum(width(letter, style) for letter in "محمد")


@pytest.mark.parametrize("text", [name for name in NAMES if name.strip()])
def test_no_line_is_wider_than_its_place(text: str) -> None:
    style = Style(Weight.BOLD, 12)

    broken = lines(text, style, within=120, most=3)

    assert 1 <= len(broken) <= 3
    assert max(width(line, style) for line in broken) <= 120


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    assert lines("one two three four", Style(Weight.REGULAR, 10), within=30, most=1)[0].endswith("…")
    assert lines("one", Style(Weight.REGULAR, 10), within=300, most=1) == ["one"]


def test_the_code_as_png_is_read_back() -> None:
    from PIL import Image

    picture = Image.open(io.BytesIO(qr_png(CODE)))

    assert picture.size == (490, 490)
    assert [each.text for each in zxingcpp.read_barcodes(picture)] == [CODE]
    assert len(CODE) == CODE_LENGTH


def test_every_font_is_what_its_page_says_and_comes_with_its_licence() -> None:
    page = tomllib.loads((FONTS / "vendor.toml").read_text())

    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FONTS.glob("*.ttf")}
    assert found == {font["file"]: font["sha256"] for font in page["font"]}
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONTS / page["licence_file"]).read_text()
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < 2_500_000
