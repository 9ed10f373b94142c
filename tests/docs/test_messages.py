"""Every sentence of the pages is there in every language, with the same gaps to fill."""

from functools import cache

import pytest

from tests.support.messages import (
    TRANSLATED,
    load_everything,
    placeholders,
    po_path,
    slices,
    strings,
    translated,
    up_to_date,
)
from ticketing.web.i18n import PACKAGE

EACH = [(name, language) for name in slices() for language in TRANSLATED]


@cache
def loaded() -> bool:
    """Once a process, every module is imported."""
    load_everything()
    return True


@pytest.mark.parametrize(("name", "language"), EACH)
def test_the_file_of_a_slice_holds_what_its_pages_say_and_nothing_else(name: str, language: str) -> None:
    assert loaded()
    path = po_path(name, language)

    there = path.read_bytes() if path.exists() else None

    assert there == up_to_date(name, language), "run `make messages`"


@pytest.mark.parametrize(("name", "language"), EACH)
def test_every_sentence_is_translated_and_leaves_the_same_gaps(name: str, language: str) -> None:
    for message in translated(name, language):
        if message.id:
            said = strings(message.string)
            assert all(said), f"{message.id!r} is not translated: {po_path(name, language).relative_to(PACKAGE)}"
            gaps = placeholders(" ".join(strings(message.id)))
            assert all(placeholders(each) == gaps for each in said[-1:]), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_sentence_of_two_slices_is_translated_alike(language: str) -> None:
    first: dict[object, object] = {}
    for name in slices():
        for message in translated(name, language):
            if message.id:
                key = (message.id, message.context)
                assert first.setdefault(key, message.string) == message.string, message.id
