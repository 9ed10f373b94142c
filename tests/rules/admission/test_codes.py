"""What holds for every ticket code: it says what was signed, only its key can make it, and it has one spelling."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ticketing.admission.codes import (
    CODE_LENGTH,
    CODE_TEXT_LENGTH_MAX,
    GENERATION_MAX,
    KEYS_KEPT_MAX,
    KID_MAX,
    BadCode,
    BadSignature,
    Signer,
    normalise_human_code,
    read,
    signature_holds,
    verify,
)
from ticketing.base.ids import ALPHABET, from_int

LETTERS = ALPHABET.upper()
RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
MASTER = bytes(range(32))
SIGNER = Signer(MASTER)
FINAL = "evt_01k4a9v3e8m5x7q2r6t0y1w4z9"
CONCERT = "evt_01k4a9v3e8m5x7q2r6t0y1w4za"
SEAT = "adm_01k7b2c4d6f8g0h1j3k5m7n9p2"
NEIGHBOUR = "adm_01k7b2c4d6f8g0h1j3k5m7n9p3"
FINAL_KEY = SIGNER.public_key(FINAL)
CODE = SIGNER.sign(event_id=FINAL, admission_id=SEAT, generation=3)
HUMAN_CODE = SIGNER.human_code(SEAT)

values = st.integers(min_value=0, max_value=(1 << 128) - 1)
events = values.map(lambda value: from_int("evt", value))
admissions = values.map(lambda value: from_int("adm", value))
generations = st.integers(min_value=0, max_value=GENERATION_MAX)
kids = st.integers(min_value=0, max_value=KID_MAX)


def content_of(code: str) -> bytes:
    return base64.b32decode(code.translate(str.maketrans(LETTERS, RFC_4648)))


def code_of(content: bytes) -> str:
    return base64.b32encode(content).decode().translate(str.maketrans(RFC_4648, LETTERS))


def is_accepted(text: str) -> bool:
    try:
        verify(text, public_key=FINAL_KEY)
    except (BadCode, BadSignature):
        return False
    return True


# The format


def test_the_format_has_not_drifted_since_the_first_ticket_was_printed() -> None:
    assert CODE == (
        "T40033JH5MBWJ0CSTRK139KT4048CGWSD1XADGG00F55J7QW0QBW5V5YK2KAR8Y4MJK30MZE"
        "G28V1H9VB4JCR1ZZP96M63X2NV9C93Q4V25PNJ6FVKWE9A16WK3Y8DW0ZQ883QQASY2N3Q8C"
    )
    assert FINAL_KEY.hex() == "936af00b934cacdf840f9941599f45d57cc2d915597f8ad536fe736805afb70c"
    assert HUMAN_CODE == "YWKM-9544-HGEF"


def test_a_code_is_laid_out_and_its_key_derived_as_the_decision_record_says() -> None:
    event, admission = (int_of(FINAL).to_bytes(16, "big"), int_of(SEAT).to_bytes(16, "big"))
    extracted = hmac.digest(bytes(32), MASTER, "sha256")
    seed = hmac.digest(extracted, b"ticket|" + event + b"|" + bytes([0, 1]) + b"\x01", "sha256")
    head = b"\xd1" + bytes([0, 1]) + hashlib.sha256(event).digest()[:5] + admission + bytes([0, 3])

    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(head)

    assert content_of(CODE) == head + signature


def int_of(identifier: str) -> int:
    value = 0
    for letter in identifier[4:]:
        value = value * 32 + ALPHABET.index(letter)
    return value


@given(events, admissions, generations, kids)
def test_a_code_says_what_was_signed_and_its_key_confirms_it(
    event_id: str, admission_id: str, generation: int, kid: int
) -> None:
    code = SIGNER.sign(event_id=event_id, admission_id=admission_id, generation=generation, kid=kid)

    parts = verify(code, public_key=SIGNER.public_key(event_id, kid))

    assert (parts.admission_id, parts.generation, parts.kid) == (admission_id, generation, kid)
    assert parts.is_for(event_id)
    assert len(code) == CODE_LENGTH
    assert set(code) <= set(LETTERS)


def test_an_admission_has_the_same_code_whenever_and_wherever_it_is_computed() -> None:
    after_a_restore = Signer(MASTER)

    assert after_a_restore.sign(event_id=FINAL, admission_id=SEAT, generation=3) == CODE


def test_thousands_of_admissions_have_as_many_codes_and_human_codes() -> None:
    admission_ids = [from_int("adm", (1 << 120) + number) for number in range(3000)]

    assert len({SIGNER.sign(event_id=FINAL, admission_id=each, generation=1) for each in admission_ids}) == 3000
    assert len({SIGNER.human_code(each) for each in admission_ids}) == 3000


# Reading


@pytest.mark.parametrize("text", [CODE.lower(), f"  {CODE}\r\n", f"\t{CODE.swapcase()} "])
def test_lower_case_and_white_space_around_a_code_are_forgiven(text: str) -> None:
    assert read(text) == read(CODE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "T",
        HUMAN_CODE,
        "https://example.org/",
        CODE[:-1],
        CODE + "0",
        CODE + CODE,
        CODE[:70] + " " + CODE[71:],
        CODE[:70] + "-" + CODE[71:],
        CODE[:70] + "=" + CODE[71:],
        CODE[:136] + "=" * 8,
        "0" * CODE_LENGTH,
        "Z" * CODE_LENGTH,
        "\udcff" + CODE[1:],
        "٣" * CODE_LENGTH,
    ],
)
def test_what_is_no_code_of_ours_is_refused_as_such(text: str) -> None:
    with pytest.raises(BadCode):
        read(text)


@given(st.text(max_size=200) | st.binary(min_size=90, max_size=90).map(code_of))
def test_any_text_at_all_is_refused_and_never_breaks_the_reader(text: str) -> None:
    assert not is_accepted(text)


@pytest.mark.parametrize("letter", ["I", "L", "O", "U", "i", "l", "o", "u", "ſ", "ı"])
def test_a_letter_that_looks_like_one_of_the_alphabet_is_not_taken_for_it(letter: str) -> None:
    for place in range(CODE_LENGTH):
        with pytest.raises(BadCode):
            read(CODE[:place] + letter + CODE[place + 1 :])


def test_a_text_past_the_bound_is_refused_even_if_only_white_space_follows_the_code() -> None:
    assert read(CODE + " " * (CODE_TEXT_LENGTH_MAX - CODE_LENGTH)) == read(CODE)
    with pytest.raises(BadCode):
        read(CODE + " " * (CODE_TEXT_LENGTH_MAX - CODE_LENGTH + 1))


@pytest.mark.parametrize("first_byte", [0xD0, 0xD2, 0x01, 0x51])
def test_a_code_of_another_version_is_no_code_even_if_its_signature_holds(first_byte: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(MASTER)
    head = bytes([first_byte]) + content_of(CODE)[1:26]

    with pytest.raises(BadCode):
        verify(code_of(head + key.sign(head)), public_key=key.public_key().public_bytes_raw())


# Forging


def test_a_code_with_any_bit_flipped_is_refused() -> None:
    content = content_of(CODE)

    accepted = [bit for bit in range(8 * len(content)) if is_accepted(code_of(flipped(content, bit=bit)))]

    assert is_accepted(code_of(content))
    assert accepted == []


def flipped(content: bytes, *, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.integers(min_value=0, max_value=CODE_LENGTH - 1), st.characters(max_codepoint=0x2FF))
def test_a_code_with_any_character_replaced_is_refused(place: int, letter: str) -> None:
    text = CODE[:place] + letter + CODE[place + 1 :]

    assert is_accepted(text) == (text.upper() == CODE and letter.isascii())


@given(st.integers(min_value=1, max_value=CODE_LENGTH - 1), st.text(alphabet=LETTERS, min_size=1, max_size=16))
def test_a_code_cut_extended_or_rearranged_is_refused(place: int, more: str) -> None:
    start, end = CODE[:place], CODE[place:]

    assert not is_accepted(start)
    assert not is_accepted(end)
    assert not is_accepted(end + start)
    assert not is_accepted(start + more + end)
    assert not is_accepted(CODE + more)
    assert not is_accepted(more + CODE)
    assert not is_accepted(start[: -len(more)] + more + end) or start.endswith(more)


def test_a_second_signature_made_from_a_known_one_by_adding_the_group_order_is_refused() -> None:
    group_order = (1 << 252) + 27742317777372353535851937790883648493
    content = content_of(CODE)
    scalar = int.from_bytes(content[58:], "little") + group_order

    assert not is_accepted(code_of(content[:58] + scalar.to_bytes(32, "little")))


@given(events, kids)
def test_the_key_of_another_event_or_another_key_id_does_not_confirm_a_code(event_id: str, kid: int) -> None:
    holds = signature_holds(read(CODE), public_key=SIGNER.public_key(event_id, kid))

    assert holds == ((event_id, kid) == (FINAL, 1))


def test_a_code_is_for_its_own_event_alone() -> None:
    parts = read(CODE)

    assert parts.is_for(FINAL)
    assert not parts.is_for(CONCERT)


def test_events_made_in_the_same_millisecond_or_with_the_same_entropy_are_told_apart() -> None:
    same_millisecond = [from_int("evt", (1 << 100) + number) for number in range(1000)]
    same_entropy = [from_int("evt", number << 80) for number in range(1000)]
    of_each = [SIGNER.sign(event_id=each, admission_id=SEAT, generation=1) for each in same_millisecond + same_entropy]

    assert len({read(code).event_mark for code in of_each}) == 2000


@pytest.mark.parametrize(
    "claim", [{"generation": 4}, {"kid": 2}, {"admission_id": NEIGHBOUR}, {"event_mark": b"final"}]
)
def test_the_signature_covers_every_part(claim: dict[str, object]) -> None:
    parts = read(CODE)

    assert signature_holds(parts, public_key=FINAL_KEY)
    assert not signature_holds(replace(parts, **claim), public_key=FINAL_KEY)  # type: ignore[arg-type]


def test_another_master_secret_makes_other_codes_and_other_keys() -> None:
    stranger = Signer(bytes(range(1, 33)))

    assert stranger.public_key(FINAL) != FINAL_KEY
    assert stranger.human_code(SEAT) != HUMAN_CODE
    with pytest.raises(BadSignature):
        verify(stranger.sign(event_id=FINAL, admission_id=SEAT, generation=3), public_key=FINAL_KEY)


# The signer


def test_a_short_master_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Signer(b"x" * 31)


@pytest.mark.parametrize(("generation", "kid"), [(-1, 1), (GENERATION_MAX + 1, 1), (1, -1), (1, KID_MAX + 1)])
def test_a_generation_or_key_id_that_the_code_cannot_hold_is_not_signed(generation: int, kid: int) -> None:
    with pytest.raises(AssertionError):
        SIGNER.sign(event_id=FINAL, admission_id=SEAT, generation=generation, kid=kid)


def test_an_id_of_another_kind_of_thing_is_not_signed() -> None:
    with pytest.raises(AssertionError):
        SIGNER.sign(event_id=SEAT, admission_id=SEAT, generation=1)
    with pytest.raises(AssertionError):
        SIGNER.sign(event_id=FINAL, admission_id=FINAL, generation=1)


def test_a_signer_keeps_a_bounded_number_of_keys_and_signs_alike_after_it_dropped_one() -> None:
    signer = Signer(MASTER)
    first = signer.sign(event_id=FINAL, admission_id=SEAT, generation=3)

    for number in range(KEYS_KEPT_MAX + 1):
        signer.public_key(from_int("evt", number))

    assert signer._keys.cache_info().currsize == KEYS_KEPT_MAX
    assert signer.sign(event_id=FINAL, admission_id=SEAT, generation=3) == first == CODE


def test_what_may_reach_a_log_shows_neither_the_master_secret_nor_a_signature() -> None:
    assert MASTER.hex() not in repr(SIGNER)
    assert repr(MASTER) not in repr(SIGNER)
    assert repr(read(CODE).signature) not in repr(read(CODE))


# The code for people


@given(admissions)
def test_a_human_code_is_three_groups_of_four_and_survives_being_typed(admission_id: str) -> None:
    human_code = SIGNER.human_code(admission_id)
    as_typed = human_code.lower().replace("-", " ").replace("0", "o").replace("1", "l")

    assert [len(group) for group in human_code.split("-")] == [4, 4, 4]
    assert normalise_human_code(human_code) == human_code
    assert normalise_human_code(as_typed) == human_code
    assert normalise_human_code(human_code.replace("-", "").replace("1", "I")) == human_code


def test_a_human_code_with_any_one_character_wrong_is_noticed() -> None:
    letters = HUMAN_CODE.replace("-", "")

    for place in range(12):
        right = [letter for letter in LETTERS if normalise_human_code(letters[:place] + letter + letters[place + 1 :])]
        assert right == [letters[place]]


@given(admissions, st.integers(min_value=0, max_value=11), st.integers(min_value=0, max_value=11))
def test_a_human_code_with_any_two_characters_exchanged_is_noticed(admission_id: str, one: int, other: int) -> None:
    letters = list(SIGNER.human_code(admission_id).replace("-", ""))
    differ = letters[one] != letters[other]

    letters[one], letters[other] = letters[other], letters[one]

    assert (normalise_human_code("".join(letters)) is None) == differ


@pytest.mark.parametrize(
    "text",
    ["", "0000-0000-0000", HUMAN_CODE[:-1], HUMAN_CODE + "0", HUMAN_CODE.replace("-", "_"), "U" * 12, "٣" * 12, CODE],
)
def test_what_is_no_human_code_becomes_none(text: str) -> None:
    assert normalise_human_code(text) is None


def test_a_letter_outside_ascii_is_not_taken_for_the_one_it_becomes_in_upper_case() -> None:
    with_an_s = next(code for number in range(100) if "S" in (code := SIGNER.human_code(from_int("adm", number))))

    assert normalise_human_code(with_an_s.replace("S", "s")) == with_an_s
    assert normalise_human_code(with_an_s.replace("S", "ſ")) is None


def test_a_human_code_among_more_dashes_than_the_bound_allows_is_not_read() -> None:
    assert normalise_human_code(HUMAN_CODE + "-" * 18) == HUMAN_CODE
    assert normalise_human_code(HUMAN_CODE + "-" * 19) is None


def test_neighbouring_admissions_have_human_codes_without_a_common_beginning() -> None:
    beginnings = {SIGNER.human_code(from_int("adm", number))[:4] for number in range(200)}

    assert len(beginnings) > 190
