"""The ticket to print: one page of A4 for each admission, which folds to the size of a letter with the ticket on top."""

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from reportlab.pdfgen.canvas import Canvas

from ticketing.admission.lettering import Style, Weight, can_show, draw, is_rtl, lines, width
from ticketing.admission.qr import QUIET_ZONE_MODULES, qr_strokes
from ticketing.admission.sheet import Sheet

MM: Final = 72 / 25.4
PAGE: Final = (210 * MM, 297 * MM)
FOLDS: Final = (99 * MM, 198 * MM)
LEFT, RIGHT, TOP, BOTTOM = 12 * MM, 198 * MM, 287 * MM, 204 * MM
TEAR: Final = 132 * MM
"""Where the perforation is: the code stands on the stub to its right."""
BAND: Final = 30 * MM
RADIUS: Final = 3.5 * MM
NOTCH: Final = 2.6 * MM
CODE_SIDE: Final = 60 * MM
"""With its quiet zone. A module is 1.2 mm: three times what a scanner asks for, so that a fold or a stain does no harm."""
INSIDE: Final = 6 * MM

INK: Final = (0.09, 0.08, 0.07)
PALE: Final = (0.38, 0.36, 0.34)
HAIRLINE: Final = (0.78, 0.76, 0.73)
WHITE: Final = (1.0, 1.0, 1.0)


def tickets_pdf(sheets: Sequence[Sheet], *, title: str, language: str) -> bytes:
    """A PDF with a page for each sheet: the same bytes for the same sheets. `language` is a BCP 47 tag, told to screen readers."""
    written = BytesIO()
    canvas = Canvas(written, pagesize=PAGE, invariant=1, pageCompression=1, lang=language)
    canvas.setTitle(title)
    canvas.setAuthor("")
    canvas.setSubject("Tickets")
    canvas.setCreator("Ticket")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    for place, sheet in enumerate(sheets, start=1):
        canvas.bookmarkPage(f"ticket-{place}")
        canvas.addOutlineEntry(f"{sheet.holder or sheet.ticket_type} · {sheet.human_code}", f"ticket-{place}", level=0)
        _page(canvas, sheet, place=place, count=len(sheets))
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def _page(canvas: Canvas, sheet: Sheet, *, place: int, count: int) -> None:
    _card(canvas, sheet.colour)
    _name(canvas, sheet)
    _when_and_where(canvas, sheet)
    _stub(canvas, sheet)
    _details(canvas, sheet, place=place, count=count)
    _folds(canvas)


def _card(canvas: Canvas, colour: tuple[float, float, float]) -> None:
    """The outline with its notches, the band for the name, and the perforation."""
    canvas.saveState()
    outline = _outline(canvas)
    canvas.clipPath(outline, stroke=0, fill=0)
    canvas.setFillColorRGB(*colour)
    canvas.rect(LEFT, TOP - BAND, TEAR - LEFT, BAND, stroke=0, fill=1)
    canvas.restoreState()
    canvas.setStrokeColorRGB(*HAIRLINE)
    canvas.setLineWidth(0.6)
    canvas.drawPath(_outline(canvas), stroke=1, fill=0)
    canvas.setDash(2.2, 2.6)
    canvas.line(TEAR, BOTTOM + NOTCH + 1.5, TEAR, TOP - NOTCH - 1.5)
    canvas.setDash()


def _outline(canvas: Canvas):  # type: ignore[no-untyped-def]  # the library's own path type has no name to import
    path = canvas.beginPath()
    double = 2 * RADIUS
    path.moveTo(LEFT + RADIUS, BOTTOM)
    path.lineTo(TEAR - NOTCH, BOTTOM)
    path.arcTo(TEAR - NOTCH, BOTTOM - NOTCH, TEAR + NOTCH, BOTTOM + NOTCH, 180, -180)
    path.lineTo(RIGHT - RADIUS, BOTTOM)
    path.arcTo(RIGHT - double, BOTTOM, RIGHT, BOTTOM + double, 270, 90)
    path.lineTo(RIGHT, TOP - RADIUS)
    path.arcTo(RIGHT - double, TOP - double, RIGHT, TOP, 0, 90)
    path.lineTo(TEAR + NOTCH, TOP)
    path.arcTo(TEAR - NOTCH, TOP - NOTCH, TEAR + NOTCH, TOP + NOTCH, 0, -180)
    path.lineTo(LEFT + RADIUS, TOP)
    path.arcTo(LEFT, TOP - double, LEFT + double, TOP, 90, 90)
    path.lineTo(LEFT, BOTTOM + RADIUS)
    path.arcTo(LEFT, BOTTOM, LEFT + double, BOTTOM + double, 180, 90)
    path.close()
    return path


def _name(canvas: Canvas, sheet: Sheet) -> None:
    """The event's name in its band, as large as three lines allow."""
    within = TEAR - LEFT - 2 * INSIDE
    style, broken = _fitting(sheet.event_name, within=within, sizes=(22, 19, 16, 14, 12), most=3)
    step = style.size * 1.22
    y = TOP - BAND / 2 + step * (len(broken) / 2) - style.size * 0.95
    rtl = is_rtl(sheet.event_name)
    for line in broken:
        draw(canvas, line, x=LEFT + INSIDE, y=y, style=style, right=TEAR - INSIDE if rtl else None)
        y -= step


def _fitting(text: str, *, within: float, sizes: Sequence[float], most: int) -> tuple[Style, list[str]]:
    """The largest of these sizes in which the text fits; in the smallest one it is cut."""
    style, broken = Style(Weight.BOLD, sizes[0], WHITE), [""]
    for size in sizes:
        style = Style(Weight.BOLD, size, WHITE)
        allowed = most if size <= 16 else 2
        broken = lines(text, style, within=within, most=allowed)
        if " ".join(broken).replace(" ", "") == "".join(text.split()):
            break
    return style, broken


def _when_and_where(canvas: Canvas, sheet: Sheet) -> None:
    x, within = LEFT + INSIDE, TEAR - LEFT - 2 * INSIDE
    y = TOP - BAND - 7 * MM
    if sheet.notice:
        draw(canvas, sheet.notice, x=x, y=y, style=Style(Weight.BOLD, 11, (0.69, 0.1, 0.08)))
        y -= 6 * MM
    draw(canvas, sheet.day, x=x, y=y, style=Style(Weight.BOLD, 13))
    y -= 5.6 * MM
    draw(canvas, sheet.time, x=x, y=y, style=Style(Weight.REGULAR, 11))
    y -= 7 * MM
    for number, text in enumerate(sheet.place[:3]):
        style = Style(Weight.BOLD if number == 0 else Weight.REGULAR, 11 if number == 0 else 9.5)
        for line in lines(text, style, within=within, most=1):
            draw(canvas, line, x=x, y=y, style=style)
        y -= 4.8 * MM
    y = BOTTOM + 5 * MM
    half = within / 2
    for place, (label, text) in enumerate(
        (("Ticket", f"{sheet.ticket_type} · {sheet.price}"), ("Name", sheet.holder or "–"))
    ):
        _labelled(canvas, label, text, x=x + place * (half + 2 * MM), y=y, within=half - 2 * MM)


def _labelled(canvas: Canvas, label: str, text: str, *, x: float, y: float, within: float) -> None:
    draw(canvas, label, x=x, y=y + 4.6 * MM, style=Style(Weight.REGULAR, 7.5, PALE))
    style = Style(Weight.BOLD, 10.5)
    for line in lines(text, style, within=within, most=1):
        draw(canvas, line, x=x, y=y, style=style)


def _stub(canvas: Canvas, sheet: Sheet) -> None:
    """The code, black on white whatever the poster, with the one for people beneath."""
    x = (TEAR + RIGHT - CODE_SIDE) / 2
    y = TOP - CODE_SIDE - 4 * MM
    modules, strokes = qr_strokes(sheet.code)
    module = CODE_SIDE / (modules + 2 * QUIET_ZONE_MODULES)
    path = canvas.beginPath()
    for stroke in strokes:
        left = x + (stroke.x + QUIET_ZONE_MODULES) * module
        bottom = y + (modules + QUIET_ZONE_MODULES - 1 - stroke.y) * module
        path.rect(round(left, 3), round(bottom, 3), round(stroke.length * module, 3), round(module, 3))
    canvas.setFillColorRGB(0, 0, 0)
    canvas.drawPath(path, stroke=0, fill=1)
    code = Style(Weight.BOLD, 13)
    middle = (TEAR + RIGHT) / 2
    draw(canvas, sheet.human_code, x=middle - width(sheet.human_code, code) / 2, y=y - 5 * MM, style=code)
    small = Style(Weight.REGULAR, 7.5, PALE)
    for number, hint in enumerate(("Show this code at the entrance.", "It lets one person in, once.")):
        draw(canvas, hint, x=middle - width(hint, small) / 2, y=BOTTOM + (7 - 3.4 * number) * MM, style=small)


def _details(canvas: Canvas, sheet: Sheet, *, place: int, count: int) -> None:
    """The middle third repeats what matters in plain words; the last one has the terms."""
    x, y = LEFT + INSIDE, FOLDS[1] - 16 * MM
    rows = (
        ("Event", sheet.event_name),
        ("When", f"{sheet.day}, {sheet.time}"),
        ("Where", ", ".join(sheet.place) or "–"),
        ("Ticket", f"{sheet.ticket_type}, {sheet.price}"),
        ("Name", sheet.holder or "–"),
        ("Order", f"{sheet.order_code} · ticket {place} of {count}"),
        ("Code", sheet.human_code),
    )
    style, label = Style(Weight.REGULAR, 10), Style(Weight.REGULAR, 9, PALE)
    for name, text in rows:
        draw(canvas, name, x=x, y=y, style=label)
        for line in lines(text, style, within=RIGHT - x - 30 * MM, most=2):
            draw(canvas, line, x=x + 24 * MM, y=y, style=style)
            y -= 5 * MM
        y -= 1.6 * MM
    y = FOLDS[0] - 16 * MM
    small = Style(Weight.REGULAR, 8.5, PALE)
    unprintable = not all(can_show(text) for text in (sheet.event_name, sheet.holder, sheet.ticket_type, *sheet.place))
    remark = " Some letters could not be printed here; the page of the order has them." if unprintable else ""
    for line in lines(sheet.terms + remark, small, within=RIGHT - LEFT - 2 * INSIDE, most=8):
        draw(canvas, line, x=x, y=y, style=small)
        y -= 4.2 * MM
    for line in lines(sheet.link, small, within=RIGHT - LEFT - 2 * INSIDE, most=2):
        draw(canvas, line, x=x, y=y - 2 * MM, style=small)
        y -= 4.2 * MM


def _folds(canvas: Canvas) -> None:
    canvas.setStrokeColorRGB(*HAIRLINE)
    canvas.setLineWidth(0.4)
    for y in FOLDS:
        canvas.line(0, y, 5 * MM, y)
        canvas.line(PAGE[0] - 5 * MM, y, PAGE[0], y)
