"""Pictures of the pages for the documents: `make screenshots` writes `docs/screenshots/*.png`, each under 150 KB."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from tests.support.browser import chromium
from tests.support.processes import site

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
BYTES_MAX = 150_000
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


def small(png: bytes) -> bytes:
    """The picture with as many colours as fit into the bound."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        written = BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
        if written.tell() <= BYTES_MAX:
            return written.getvalue()
    raise AssertionError(f"a picture has over {BYTES_MAX} bytes in {COLOURS[-1]} colours")


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
            page.goto(served.url + shot.path, wait_until="networkidle")
            (FOLDER / f"{shot.name}.png").write_bytes(small(page.screenshot()))
            context.close()
            print(f"{shot.name}.png: {(FOLDER / f'{shot.name}.png').stat().st_size // 1000} KB")


if __name__ == "__main__":
    main()
