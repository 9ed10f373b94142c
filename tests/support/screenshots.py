"""Pictures of the pages for the documents: `make screenshots` writes `docs/screenshots/*.png`, each under its bound of bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.buying import Buyer
from tests.support.browser import chromium
from tests.support.processes import Served, site

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
BYTES_MAX = 150_000
SHEET_BYTES_MAX = 300_000
SHEET_COLUMNS = 4
GAP = 24
PHONE = (390, 844)
DESK = (1280, 900)
IN_README = ("event", "checkout", "reserved", "tickets")
COLOURS = (256, 128, 64)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: which page, in a window of which size, in which palette and language."""

    name: str
    path: str
    width: int = 1280
    height: int = 900
    dark: bool = False
    language: str = "en-GB"


SHOTS = (
    Shot("start", "/"),
    Shot("start-phone-dark", "/", width=390, height=844, dark=True),
    Shot("search-german", "/?q=philharmonic", language="de-AT", width=768, height=900),
    Shot("components", "/design", height=1500),
    Shot("not-found-phone", "/nowhere", width=390, height=600),
)


def purchase(page: Page, *, email: str) -> Iterator[tuple[str, bytes]]:
    """Every step of a purchase by its name, as it looks when it comes into view."""

    def seen(name: str) -> tuple[str, bytes]:
        page.evaluate("document.activeElement?.matches('#mistakes, input') || document.activeElement?.blur()")
        return name, page.screenshot()

    buyer = Buyer(page)
    page.goto("/")
    yield seen("home")
    page.goto("/?q=philharmonic+beethoven")
    page.get_by_role("heading", level=3).get_by_role("link").first.click()
    expect(page.get_by_role("spinbutton").first).to_be_attached()
    yield seen("event")
    page.get_by_role("spinbutton").first.fill("2")
    page.locator("#tickets").evaluate("(each) => each.scrollIntoView()")
    yield seen("choice")
    buyer.button("Continue").click()
    expect(buyer.reserve_button).to_be_visible()
    buyer.details("Ada Lovelace", "")
    page.evaluate("scrollTo(0, 0)")
    yield seen("checkout")
    buyer.reserve_button.click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield seen("mistakes")
    buyer.order("Ada Lovelace", email)
    yield seen("reserved")
    buyer.pay("Test payment: nothing is charged")
    buyer.sees_tickets(2)
    if page.viewport_size and page.viewport_size["width"] < 600:
        page.locator("[id^=adm_]").first.evaluate("(each) => each.scrollIntoView()")
    yield seen("tickets")
    buyer.mail(email)
    yield seen("mail")


def taken(browser: Browser, shop: Served, size: tuple[int, int], *, dark: bool) -> dict[str, bytes]:
    """The pictures of a purchase in a window of this size."""
    context = browser.new_context(
        base_url=shop.url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        timezone_id="America/New_York",  # where the events are, so that no second time stands beside theirs
        reduced_motion="reduce",
    )
    try:
        return dict(purchase(context.new_page(), email="ada@example.org"))
    finally:
        context.close()


def sheet(pictures: Sequence[bytes], *, columns: int, scale: float = 1.0) -> bytes:
    """The pictures side by side, in rows."""
    opened = [Image.open(BytesIO(each)).convert("RGB") for each in pictures]
    width, height = (round(side * scale) for side in opened[0].size)
    rows = -(-len(opened) // columns)
    whole = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), (128, 128, 128))
    for place, picture in enumerate(opened):
        at = (GAP + place % columns * (width + GAP), GAP + place // columns * (height + GAP))
        whole.paste(picture.resize((width, height), Image.Resampling.LANCZOS), at)
    written = BytesIO()
    whole.save(written, "PNG")
    return written.getvalue()


def write(name: str, png: bytes, *, most: int) -> None:
    """The picture is in the folder, in as many colours as its bound of bytes allows."""
    path = FOLDER / f"{name}.png"
    path.write_bytes(small(png, most=most))
    print(f"{path.name}: {path.stat().st_size // 1000} KB")


def small(png: bytes, *, most: int) -> bytes:
    """The picture with as many colours as fit into the bound."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        written = BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
        if written.tell() <= most:
            return written.getvalue()
    raise AssertionError(f"a picture has over {most} bytes in {COLOURS[-1]} colours")


def main() -> None:
    """The pictures are as the pages are."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, site(Path(folder)).served("demo") as served, chromium() as browser:
        for shot in SHOTS:
            context = browser.new_context(
                viewport={"width": shot.width, "height": shot.height},
                color_scheme="dark" if shot.dark else "light",
                locale=shot.language,
            )
            page = context.new_page()
            page.goto(served.url + shot.path, wait_until="load")
            write(shot.name, page.screenshot(), most=BYTES_MAX)
            context.close()
        for dark in (False, True):
            palette = "dark" if dark else "light"
            phone = taken(browser, served, PHONE, dark=dark)
            write(f"purchase-phone-{palette}", sheet([*phone.values()], columns=SHEET_COLUMNS), most=SHEET_BYTES_MAX)
            desk = taken(browser, served, DESK, dark=dark)
            sheets = sheet([*desk.values()], columns=SHEET_COLUMNS, scale=0.5)
            write(f"purchase-desktop-{palette}", sheets, most=SHEET_BYTES_MAX)
            if not dark:
                row = sheet([phone[name] for name in IN_README], columns=len(IN_README))
                write("purchase", row, most=BYTES_MAX)


if __name__ == "__main__":
    main()
