"""What becomes of foreign text: what is dropped, how it is shortened, which links are links, which keys are the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.importing.text import distinct, many_lines, one_line, shortened, source_key, web_link

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Mozart,  Wolfgang  Amadeus", "Mozart, Wolfgang Amadeus"),
        ("\ttab\r\nand\x0bline\u2028end ", "tab and line end"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("right\u202eto left", "rightto left"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("half \ud83d pair", "half pair"),
        ("Cafe\u0301", "Café"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),  # A joined emoji stays joined.
        ("no\u00a0break", "no break"),
    ],
)
def test_a_text_is_cleaned(raw: str, clean: str) -> None:
    assert one_line(raw) == clean


@given(ANY_TEXT)
def test_a_clean_text_can_be_stored_and_is_clean_for_good(raw: str) -> None:
    clean = one_line(raw)

    clean.encode()
    assert one_line(clean) == clean
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in clean)


def test_of_several_lines_the_breaks_stay_and_empty_lines_become_one() -> None:
    assert many_lines("\n\n first  line \r\n\n\n\nsecond\x00\n\n") == "first line\n\nsecond"


@given(ANY_TEXT, st.integers(min_value=2, max_value=50))
def test_a_shortened_text_fits_and_says_that_it_is_shortened(raw: str, length_max: int) -> None:
    text = one_line(raw)
    short = shortened(text, length_max=length_max)

    assert len(short) <= length_max
    assert short == text or short.endswith("…")


def test_a_text_is_shortened_between_words() -> None:
    assert shortened("Concerts in the Parks", length_max=14) == "Concerts in…"


def test_a_single_long_word_is_cut() -> None:
    assert shortened("Donaudampfschifffahrt", length_max=11) == "Donaudampf…"


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org",
        "http://example.org:8080/a?b=c#d",
        "HTTPS://EXAMPLE.ORG/ä",
        "https://example.org/" + "a" * 480,
    ],
)
def test_a_web_address_is_a_link(link: str) -> None:
    assert web_link(link) == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "//example.org",
        "javascript:alert(1)",
        "data:text/html,hello",
        "ftp://example.org/",
        "https://",
        "https://localhost/",
        "https://user:password@example.org/",
        "https://example.org/a b",
        "https://example.org/\x00",
        "https://example.org:port/",
        "https://[example.org/",
        "https://example.org/" + "a" * 481,
    ],
)
def test_anything_else_is_no_link(text: str) -> None:
    assert web_link(text) is None


def test_of_texts_that_differ_in_case_the_first_stays() -> None:
    assert distinct(["Rust", "", "C++", "rust"]) == ("Rust", "C++")


def test_case_and_spacing_do_not_change_a_key() -> None:
    assert source_key("csv", "Alte  Werft ") == source_key("csv", "ALTE WERFT")


@given(st.lists(ANY_TEXT, min_size=1, max_size=3), st.lists(ANY_TEXT, min_size=1, max_size=3))
def test_different_parts_give_different_keys(parts: list[str], others: list[str]) -> None:
    same = [one_line(part).casefold() for part in parts] == [one_line(part).casefold() for part in others]

    assert (source_key(*parts) == source_key(*others)) is same


def test_a_slash_in_a_part_does_not_make_two_of_it() -> None:
    assert (
        len({source_key("a/b", "c"), source_key("a", "b/c"), source_key("a", "b", "c"), source_key("a%2fb", "c")}) == 4
    )


def test_long_keys_are_bounded_and_stay_different() -> None:
    keys = [source_key("csv", "word " * 100 + ending) for ending in ("one", "two")]

    assert [len(key) for key in keys] == [200, 200]
    assert keys[0] != keys[1]
