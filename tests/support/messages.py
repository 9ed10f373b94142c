"""The sentences of the pages in every language: `python -m tests.support.messages` brings `<slice>/locale/*.po` up to date.

What is new in them stands with an empty `msgstr`, to be translated by hand; what no page says any more is taken out.
"""

import importlib
import pkgutil
import re
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

import ticketing
from ticketing.base.errors import every_refusal
from ticketing.web.i18n import LANGUAGES, PACKAGE, SOURCE

KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
TEMPLATE_OPTIONS = dict.fromkeys(("trimmed", "newstyle_gettext", "trim_blocks", "lstrip_blocks"), "true") | {
    "silent": "false"
}
TRANSLATED = tuple(language for language in LANGUAGES if language != SOURCE)


def slices() -> list[str]:
    """The folders of the package, sorted."""
    return sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__")


def said_in(name: str) -> Catalog:
    """Every sentence that the code, the templates and the refusals of this slice say."""
    catalog = Catalog(charset="utf-8")
    for path in sorted((PACKAGE / name).rglob("*")):
        if path.suffix == ".py" or (path.suffix == ".html" and "templates" in path.parts):
            method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
            options = {} if path.suffix == ".py" else TEMPLATE_OPTIONS
            for _, message, _, context in extract_from_file(method, path, keywords=KEYWORDS, options=options):
                if message and (not isinstance(message, tuple) or message[0]):
                    catalog.add(message, context=context)
    for refusal in every_refusal():
        if refusal.__module__.startswith(f"ticketing.{name}."):
            catalog.add(refusal.title)
    return catalog


def load_everything() -> None:
    """Every module of the package is imported, so that every refusal is known."""
    for module in pkgutil.walk_packages(ticketing.__path__, "ticketing."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def po_path(name: str, language: str) -> Path:
    """Where the sentences of a slice stand in a language."""
    return PACKAGE / name / "locale" / f"{language}.po"


def translated(name: str, language: str) -> Catalog:
    """The sentences of a slice in a language, as they stand."""
    path = po_path(name, language)
    with path.open("rb") if path.exists() else BytesIO() as file:
        return read_po(file, locale=language, charset="utf-8")


def up_to_date(name: str, language: str) -> bytes | None:
    """What the file of a slice should hold: every sentence that it says, with the translation that is there. None: it says nothing."""
    said, known = said_in(name), translated(name, language)
    if not len(said):
        return None
    made = Catalog(locale=language, charset="utf-8")
    for message in said:
        if message.id:
            before = known.get(message.id, message.context)
            made.add(message.id, before.string if before else None, context=message.context, flags=message.flags)
    written = BytesIO()
    write_po(written, made, omit_header=True, sort_output=True, width=120)
    return written.getvalue().lstrip(b"\n")


def placeholders(text: str) -> set[str]:
    """What a sentence leaves open."""
    return set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", text))


def main() -> int:
    """The files are up to date; how many sentences wait for a translation is said."""
    load_everything()
    waiting = 0
    for name in slices():
        for language in TRANSLATED:
            content, path = up_to_date(name, language), po_path(name, language)
            if content is None:
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            missing = [m for m in translated(name, language) if m.id and not all(strings(m.string))]
            waiting += len(missing)
            for message in missing:
                print(f"{path.relative_to(PACKAGE)}: {message.id!r} is not translated yet")
    return min(waiting, 1)


def strings(string: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """All forms of a translation."""
    return (string,) if isinstance(string, str) else tuple(string or ("",))


if __name__ == "__main__":
    sys.exit(main())
