"""Tickets for wallets: signed so that others can check it, saying what the ticket says, and nothing where the keys do not fit."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from PIL import Image

from tests.support.wallets import (
    ISSUER,
    ORGANIZATION,
    PASS_TYPE,
    SERVICE_ACCOUNT,
    TEAM,
    apple_files,
    google_file,
    google_key,
    pem_of,
    private_key,
    wallets,
)
from ticketing.admission.wallet.apple import apple_passes
from ticketing.admission.wallet.card import Card
from ticketing.admission.wallet.google import SAVE_URL, TOKEN_LENGTH_MAX, google_passes
from ticketing.admission.wallet.offered import WrongKeys

VIENNA = ZoneInfo("Europe/Vienna")
CARD = Card(
    card_id="adm_01kb3m8zs4h0t2n5v8x1c4f7jq.2",
    event_id="evt_01kb3m8zs4h0t2n5v8x1c4f7jp",
    event_name='Spring "Gala" <& more>',
    starts_at=datetime(2027, 5, 1, 19, 30, tzinfo=VIENNA),
    ends_at=datetime(2027, 5, 1, 22, 0, tzinfo=VIENNA),
    has_date=True,
    venue_name="Konzerthaus",
    address="Lothringerstraße 20, 1030 Vienna, AT",
    latitude=48.2005,
    longitude=16.3769,
    ticket_type="Balcony",
    holder="Ada Lovelace",
    order_code="7QTM-2WXA",
    code="TK1" + "A" * 141,
    human_code="V8DR-BFY5-NW0Q",
    is_off=False,
    link="https://tickets.example/events/evt_01kb3m8zs4h0t2n5v8x1c4f7jp",
    colour=(0.1, 0.2, 0.5),
    language="en",
)
OFF = replace(CARD, code=None, human_code=None, is_off=True)
NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


# Apple's -------------------------------------------------------------------------------------------------------------


def package(card: Card = CARD) -> dict[str, bytes]:
    """The files of a pass."""
    apple = wallets().apple
    assert apple is not None
    with zipfile.ZipFile(BytesIO(apple.package(card))) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def said(card: Card = CARD) -> dict[str, Any]:
    """What the pass says."""
    return dict(orjson.loads(package(card)["pass.json"]))


def openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What OpenSSL's own program says, which shares nothing with what signs."""
    program = shutil.which("openssl")
    if program is None:
        reason = "NO OPENSSL: the program openssl is not installed, so that nothing else checks the signature"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


def checked(folder: Path, files: dict[str, bytes]) -> subprocess.CompletedProcess[str]:
    """Whether the signature is that of the manifest, by a certificate under the root."""
    for name in ("manifest.json", "signature"):
        (folder / name).write_bytes(files[name])
    (folder / "root.pem").write_bytes(apple_files().root)
    names = [str(folder / name) for name in ("signature", "manifest.json", "root.pem")]
    return openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", names[0], "-content", names[1],
        "-CAfile", names[2], "-purpose", "any", "-out", os.devnull,
    )  # fmt: skip


def test_the_signature_is_the_manifests_and_leads_to_the_root(tmp_path: Path) -> None:
    done = checked(tmp_path, package())

    assert done.returncode == 0, done.stderr


def test_another_manifest_does_not_fit_the_signature(tmp_path: Path) -> None:
    files = package()
    files["manifest.json"] = files["manifest.json"].replace(b"icon.png", b"icon.pnG")

    assert checked(tmp_path, files).returncode != 0


def test_the_signature_is_detached_and_says_when_it_was_made(tmp_path: Path) -> None:
    files = package()
    (tmp_path / "signature").write_bytes(files["signature"])

    shown = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", str(tmp_path / "signature"))

    assert "eContent: <ABSENT>" in shown.stdout
    assert "signingTime" in shown.stdout
    assert "Developer Relations" in shown.stdout


def test_the_manifest_names_every_other_file_with_its_digest() -> None:
    files = package()
    manifest = orjson.loads(files.pop("manifest.json"))
    files.pop("signature")

    assert manifest == {name: hashlib.sha1(content).hexdigest() for name, content in files.items()}
    assert set(files) == {"pass.json", "icon.png", "icon@2x.png", "icon@3x.png"}


@pytest.mark.parametrize(("name", "side"), [("icon.png", 29), ("icon@2x.png", 58), ("icon@3x.png", 87)])
def test_the_icon_is_a_picture_of_a_ticket(name: str, side: int) -> None:
    with Image.open(BytesIO(package()[name])) as picture:
        picture.load()
        corner, middle = picture.getpixel((0, 0)), picture.getpixel((side // 3, side // 2))

    assert picture.size == (side, side)
    assert (corner, middle) == (CARD.rgb, (255, 255, 255))


def test_a_pass_says_whose_it_is_and_for_which_ticket() -> None:
    found = said()

    assert found["formatVersion"] == 1
    assert (found["passTypeIdentifier"], found["teamIdentifier"]) == (PASS_TYPE, TEAM)
    assert (found["organizationName"], found["serialNumber"]) == (ORGANIZATION, CARD.card_id)
    assert found["description"] == 'Ticket for Spring "Gala" <& more>'


def test_a_pass_carries_the_code_of_the_ticket() -> None:
    (barcode,) = said()["barcodes"]

    assert (barcode["format"], barcode["message"]) == ("PKBarcodeFormatQR", CARD.code)
    assert (barcode["altText"], barcode["messageEncoding"]) == (CARD.human_code, "iso-8859-1")


def test_a_pass_comes_up_at_the_place_and_time_of_the_event_in_its_zone() -> None:
    found = said()
    (when,) = [field for field in found["eventTicket"]["secondaryFields"] if field["key"] == "when"]

    assert found["relevantDate"] == when["value"] == "2027-05-01T19:30+02:00"
    assert found["relevantDates"] == [{"startDate": "2027-05-01T19:30+02:00", "endDate": "2027-05-01T22:00+02:00"}]
    assert found["expirationDate"] == "2027-05-01T22:00+02:00"
    assert when["ignoresTimeZone"] is True
    assert found["locations"] == [{"latitude": 48.2005, "longitude": 16.3769}]
    assert "voided" not in found


def test_a_festival_of_days_comes_up_when_it_begins() -> None:
    assert said(replace(CARD, ends_at=CARD.starts_at + timedelta(days=3)))["relevantDates"] == [
        {"date": "2027-05-01T19:30+02:00"}
    ]


def test_a_ticket_that_is_off_is_a_void_pass_without_a_code() -> None:
    found = said(OFF)

    assert found["voided"] is True
    assert "barcodes" not in found
    assert "barcode" not in found


def test_a_postponed_event_has_no_date_to_come_up_at() -> None:
    found = said(replace(CARD, has_date=False, latitude=None, longitude=None))

    assert not {"relevantDate", "relevantDates", "expirationDate", "locations"} & set(found)
    assert {"key": "when", "label": "When", "value": "Postponed"} in found["eventTicket"]["secondaryFields"]


def test_a_pass_speaks_the_language_of_the_order() -> None:
    labels = [field["label"] for field in said(replace(CARD, language="de"))["eventTicket"]["secondaryFields"]]

    assert labels == ["Wann", "Wo"]


def fit(**other: Any) -> None:
    files = apple_files()
    given: dict[str, Any] = {
        "certificate": files.certificate,
        "key": files.key,
        "key_password": None,
        "intermediate": files.intermediate,
        "organization": ORGANIZATION,
    }
    apple_passes(**given | other)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (lambda: {"certificate": b"nonsense"}, "the certificate is no certificate"),
        (lambda: {"key": b"nonsense"}, "no private key"),
        (lambda: {"key": pem_of(private_key())}, "does not belong to the certificate"),
        (lambda: {"key_password": "superfluous"}, "its password is wrong"),
        (lambda: {"intermediate": apple_files().root}, "was not issued by"),
        (lambda: {"certificate": apple_files().intermediate, "key": apple_files().key}, "does not belong"),
    ],
)
def test_keys_that_do_not_fit_are_refused_with_the_reason(other: Any, why: str) -> None:
    with pytest.raises(WrongKeys, match=why):
        fit(**other())


def test_a_key_is_opened_by_its_password() -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(apple_files().key, None)

    fit(key=pem_of(key, password="sesame"), key_password="sesame")  # type: ignore[arg-type]


# Google's ------------------------------------------------------------------------------------------------------------


def save_url(card: Card = CARD) -> str:
    google = wallets().google
    assert google is not None
    return google.save_url(card, now=NOW)


def part(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(card: Card = CARD) -> dict[str, Any]:
    """What the token says, once its signature is found good."""
    header, body, signature = save_url(card).removeprefix(SAVE_URL).split(".")
    google_key().public_key().verify(part(signature), f"{header}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert orjson.loads(part(header)) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    return dict(orjson.loads(part(body)))


def test_the_token_is_signed_by_the_service_account_for_google() -> None:
    found = claims()

    assert (found["iss"], found["aud"], found["typ"]) == (SERVICE_ACCOUNT, "google", "savetowallet")
    assert (found["iat"], found["origins"]) == (int(NOW.timestamp()), [])


def test_another_token_does_not_fit_the_signature() -> None:
    header, body, signature = save_url().removeprefix(SAVE_URL).split(".")
    other = body[:-4] + ("AAAA" if body[-4:] != "AAAA" else "BBBB")

    with pytest.raises(InvalidSignature):
        google_key().public_key().verify(
            part(signature), f"{header}.{other}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )


def test_the_token_has_the_event_and_the_ticket_with_its_code() -> None:
    payload = claims()["payload"]
    (event,), (ticket,) = payload["eventTicketClasses"], payload["eventTicketObjects"]

    assert event["id"] == ticket["classId"] == f"{ISSUER}.{CARD.event_id}"
    assert (event["issuerName"], event["reviewStatus"]) == (ORGANIZATION, "UNDER_REVIEW")
    assert event["eventName"]["defaultValue"] == {"language": "en", "value": CARD.event_name}
    assert event["dateTime"] == {"start": "2027-05-01T19:30:00+02:00", "end": "2027-05-01T22:00:00+02:00"}
    assert (ticket["id"], ticket["state"]) == (f"{ISSUER}.{CARD.card_id}", "ACTIVE")
    assert ticket["barcode"] == {"type": "QR_CODE", "value": CARD.code, "alternateText": CARD.human_code}


def test_the_token_has_the_venue_and_whose_ticket_it_is_where_there_is_room() -> None:
    brief = replace(CARD, code="TK1BRIEF")

    payload = claims(brief)["payload"]
    (event,), (ticket,) = payload["eventTicketClasses"], payload["eventTicketObjects"]

    assert event["venue"]["address"]["defaultValue"]["value"] == brief.address
    assert (ticket["ticketHolderName"], ticket["ticketNumber"]) == (brief.holder, brief.human_code)


def test_an_address_that_would_be_too_long_for_a_mail_leaves_out_what_the_ticket_can_do_without() -> None:
    wordy = replace(
        CARD, event_name="An evening of " + "very " * 20 + "long music", venue_name="V" * 80, address="A" * 120
    )

    token = save_url(wordy).removeprefix(SAVE_URL)
    payload = claims(wordy)["payload"]
    (event,), (ticket,) = payload["eventTicketClasses"], payload["eventTicketObjects"]

    assert len(token) <= TOKEN_LENGTH_MAX
    assert "venue" not in event
    assert ticket["barcode"]["value"] == wordy.code
    assert event["eventName"]["defaultValue"]["value"] == wordy.event_name


def test_a_ticket_that_is_off_is_inactive_and_has_no_code() -> None:
    (ticket,) = claims(OFF)["payload"]["eventTicketObjects"]

    assert ticket["state"] == "INACTIVE"
    assert not {"barcode", "ticketNumber"} & set(ticket)


@pytest.mark.parametrize("key", [b"", b"{}", b"[]", b"nonsense", google_file().replace(b"BEGIN", b"BEGUN")])
def test_a_file_that_is_no_key_of_a_service_account_is_refused(key: bytes) -> None:
    with pytest.raises(WrongKeys):
        google_passes(issuer=ISSUER, key=key, organization=ORGANIZATION)
