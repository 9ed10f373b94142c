"""The picture of a code is read back by a real decoder, and is safe to put into a page."""

import re
from xml.etree import ElementTree

import pytest
import zxingcpp

from ticketing.admission.codes import CODE_LENGTH, Signer, verify
from ticketing.admission.qr import QR_VERSION, QUIET_ZONE_MODULES, qr_svg
from ticketing.base.ids import from_int

SIGNER = Signer(bytes(range(32)))
EVENT = from_int("evt", 1 << 100)
SVG = "{http://www.w3.org/2000/svg}"
PIXELS = 3
"""Side of a module in the rendered pictures."""


def code_of(number: int) -> str:
    return SIGNER.sign(event_id=EVENT, admission_id=from_int("adm", number), generation=1)


def rendered(svg: str) -> memoryview:
    """The picture as grey pixels: its white ground, then each dark stroke of width 1."""
    root = ElementTree.fromstring(svg)
    side = int(root.attrib["viewBox"].split()[2])
    ground, strokes = root.findall(f"{SVG}path")
    assert ground.attrib == {"fill": "#fff", "d": f"M0 0h{side}v{side}H0z"}
    assert strokes.attrib["stroke"] == "#000"
    modules = [bytearray(b"\xff" * side) for _ in range(side)]
    for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", strokes.attrib["d"]):
        modules[int(y)][int(x) : int(x) + int(length)] = b"\x00" * int(length)
    pixels = b"".join(bytes(value for value in row for _ in range(PIXELS)) * PIXELS for row in modules)
    return memoryview(pixels).cast("B", (side * PIXELS, side * PIXELS))


def read_by_a_camera(svg: str) -> list[zxingcpp.Barcode]:
    return zxingcpp.read_barcodes(rendered(svg), formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]))


def test_every_picture_is_read_back_as_its_code() -> None:
    for number in range(100):
        code = code_of(number)

        found = read_by_a_camera(qr_svg(code, title="Ticket"))

        assert [each.text for each in found] == [code]
        assert verify(found[0].text, public_key=SIGNER.public_key(EVENT)).admission_id == from_int("adm", number)


def test_a_picture_has_41_modules_a_side_level_m_and_a_quiet_zone_of_four() -> None:
    svg = qr_svg(code_of(1), title="Ticket")

    (found,) = read_by_a_camera(svg)
    dark = [int(x) for x in re.findall(r"M(\d+) ", ElementTree.fromstring(svg).findall(f"{SVG}path")[1].attrib["d"])]

    assert ElementTree.fromstring(svg).attrib["viewBox"] == "0 0 49 49"
    assert 17 + 4 * QR_VERSION == 41
    assert found.ec_level == "M"
    assert min(dark) == QUIET_ZONE_MODULES == 4


def test_a_screen_reader_hears_the_title() -> None:
    root = ElementTree.fromstring(qr_svg(code_of(1), title="Ticket 1 of 2, Brazil – Morocco"))

    assert root.attrib["role"] == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "Ticket 1 of 2, Brazil – Morocco"


@pytest.mark.parametrize(
    ("title", "heard"),
    [
        ("</title><script>alert(1)</script>", "</title><script>alert(1)</script>"),
        ("Rock & \"Roll\" 'n' <more>", "Rock & \"Roll\" 'n' <more>"),
        ("null\x00 escape\x1b surrogate\ud800 end\uffff", "null  escape  surrogate  end "),
        ("音楽 🎟", "音楽 🎟"),
    ],
)
def test_a_title_stays_text_whatever_stands_in_it(title: str, heard: str) -> None:
    svg = qr_svg(code_of(1), title=title)

    root = ElementTree.fromstring(svg.encode("utf-8"))

    assert root[0].text == heard
    assert [element.tag.removeprefix(SVG) for element in root.iter()] == ["svg", "title", "path", "path"]


def test_a_picture_needs_no_style_or_script_that_a_strict_policy_would_block() -> None:
    svg = qr_svg(code_of(1), title="Ticket")

    assert not re.search(r"style|script|href|class|\bid=", svg)


@pytest.mark.parametrize(
    ("code", "reason"),
    [("lower case", "not applicable"), ("É", "not applicable"), ("A" * (CODE_LENGTH + 11), "does not fit")],
)
def test_a_text_that_would_need_another_or_a_larger_symbol_is_refused(code: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        qr_svg(code, title="Ticket")
