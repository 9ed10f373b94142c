"""Letters: what a delivery is about is read, put into words, and becomes a message with its headers."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_datetime as in_words_of
from babel.numbers import format_currency

from ticketing.accounts.links import LINK_PATHS, link_token
from ticketing.accounts.model import Link
from ticketing.accounts.rules import link_stands
from ticketing.accounts.store import read_link, read_user
from ticketing.admission.model import Admission
from ticketing.base.house import House
from ticketing.base.ids import order_code
from ticketing.base.money import minor_digits
from ticketing.events.model import Event, EventStatus, Offer
from ticketing.events.store import read_offer
from ticketing.notify.model import Attachment, Delivery, Letter, MailKind
from ticketing.notify.writing import Item, Values, Written, one_line, phrases, written
from ticketing.payments.model import PaymentMethod, PaymentState, RefundState
from ticketing.payments.store import read_payment, read_refund
from ticketing.sales.actions import admissions_of
from ticketing.sales.links import order_url
from ticketing.sales.model import Order, PaymentStatus
from ticketing.sales.printing import sheets_of
from ticketing.sales.store import read_order
from ticketing.venues.store import read_venue

LOCALES: Final = {"en": "en_GB", "de": "de_DE"}
GREETED_LENGTH_MAX: Final = 40
_SAYS_MORE: Final = re.compile(r"[/@:<>\[\]{}|\\]|www\.|\.[^\W\d_]{2,}", re.IGNORECASE)
"""What no first name has, and an advertisement does: whoever orders in a stranger's name must not speak to the stranger through us."""


class NotNews(Exception):
    """What the mail would say is not so any more, or its link is over; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class From:
    """Who writes: the address that is shown and that bounces go to, the name beside it, and where answers go (None: to the same)."""

    address: str
    name: str
    reply_to: str | None = None


class Letters:
    """Writes the letters of one house."""

    def __init__(self, house: House, sender: From) -> None:
        self._house = house
        self._sender = sender
        self._printing = asyncio.Semaphore(1)

    async def letter(self, delivery: Delivery, *, plain: bool = False, now: datetime) -> Letter:
        """The letter of this delivery, the same headers each time. `plain`: without attachments. Raises NotNews."""
        values, attachments = await self._said(delivery, plain=plain, now=now)
        words = written(delivery.kind.value, delivery.language, values)
        return message_of(delivery, words, self._sender, attachments)

    async def preview(self, delivery: Delivery, *, now: datetime) -> Written:
        """What the mail says. Raises NotNews."""
        values, _ = await self._said(delivery, plain=True, now=now)
        return written(delivery.kind.value, delivery.language, values)

    async def _said(self, delivery: Delivery, *, plain: bool, now: datetime) -> tuple[Values, tuple[Attachment, ...]]:
        if delivery.kind.is_of_account:
            return await self._of_account(delivery, now=now), ()
        assert delivery.order_id is not None
        order = await read_order(self._house.store, delivery.order_id)
        if order is None:
            raise NotNews("order_gone")
        offer = await read_offer(self._house.store, order.event_id)
        assert offer is not None, "an event that was public is never deleted"
        _refuse_old_news(delivery.kind, order, offer.event)
        words = await self._words_of_order(delivery, order, offer)
        addresses = {"order": order_url(self._house, order.order_id)}
        admissions: tuple[Admission, ...] = ()
        if delivery.kind is MailKind.ORDER_CONFIRMED:
            live = await admissions_of(self._house, order)
            admissions = tuple(one for one in live if not one.is_void)
        values = Values(words, addresses, {"tickets": _tickets(order, offer, admissions)})
        if plain or not admissions:
            return values, ()
        return values, (await self._printed(delivery, order, admissions),)

    async def _printed(self, delivery: Delivery, order: Order, admissions: Sequence[Admission]) -> Attachment:
        """All tickets of the order on paper, drawn off the event loop, one order at a time."""
        # Only where somebody prints: what draws takes a fifth of a second to import, which a cold start need not wait for.
        from ticketing.admission.pdf import tickets_pdf

        sheets = await sheets_of(self._house, order, admissions)
        name = phrases(delivery.language)["file_name"]
        code = order_code(order.order_id)
        async with self._printing:
            content = await asyncio.to_thread(tickets_pdf, sheets, title=f"{name} {code}", language=delivery.language)
        return Attachment(f"{name}-{code}.pdf", "application/pdf", content)

    async def _of_account(self, delivery: Delivery, *, now: datetime) -> Values:
        link = await read_link(self._house.store, delivery.subject_id)
        user = None if link is None else await read_user(self._house.store, link.user_id)
        if link is None or user is None or not link_stands(link, user, now=now):
            raise NotNews("link_over")
        minutes = max(1, round((link.expires_at - link.created_date_time).total_seconds() / 60))
        words = {"site": self._sender.name, "minutes": str(minutes), "email": link.email}
        return Values(words, {"link": link_url(self._house, link)}, {})

    async def _words_of_order(self, delivery: Delivery, order: Order, offer: Offer) -> dict[str, str]:
        house, language = self._house, delivery.language
        event = offer.event
        venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
        words = {
            "site": self._sender.name,
            "greeting": greeting(order.customer.first_name, language=language),
            "event_name": one_line(event.event_name, length_max=120),
            "event_when": moment_in_words(event.start_date_time, event.timezone, language=language),
            "event_where": ""
            if venue is None
            else ", ".join(part for part in (venue.wish.venue_name, venue.wish.city) if part),
            "order_code": order_code(order.order_id),
            "tickets": counted(order.ticket_count, language=language),
            "total": money_in_words(order.total_amount, order.currency, language=language)
            if order.total_amount
            else "",
            "hold_ends": moment_in_words(order.expires_at, event.timezone, language=language),
            "amount": "",
            "how_to_pay": "",
            "reason": "",
            "when_back": "",
        }
        if delivery.kind is MailKind.PAYMENT_INSTRUCTIONS:
            words |= await self._words_of_payment(delivery)
        if delivery.kind in (MailKind.REFUND_MADE, MailKind.REFUND_DUE):
            words |= await self._words_of_refund(delivery)
        return words

    async def _words_of_payment(self, delivery: Delivery) -> dict[str, str]:
        payment = await read_payment(self._house.store, delivery.subject_id)
        if payment is None or payment.payment_status is not PaymentState.PENDING:
            raise NotNews("paid_already")
        by_transfer = payment.payment_method is PaymentMethod.BANK_TRANSFER
        return {
            "amount": money_in_words(payment.payment_amount, payment.currency, language=delivery.language),
            "how_to_pay": phrases(delivery.language)["pay_by_transfer" if by_transfer else "pay_in_cash"],
        }

    async def _words_of_refund(self, delivery: Delivery) -> dict[str, str]:
        refund = await read_refund(self._house.store, delivery.subject_id)
        if refund is None:
            raise NotNews("refund_gone")
        done = refund.refund_status is RefundState.COMPLETED
        return {
            "amount": money_in_words(refund.refund_amount, refund.currency, language=delivery.language),
            "reason": one_line(refund.reason, length_max=300) if delivery.kind is MailKind.REFUND_MADE else "",
            "when_back": phrases(delivery.language)["money_went" if done else "money_will_go"],
        }


def _refuse_old_news(kind: MailKind, order: Order, event: Event) -> None:
    """Nothing, while what this kind says is so. Raises NotNews."""
    still_so = {
        MailKind.PAYMENT_INSTRUCTIONS: order.payment_status is PaymentStatus.PENDING,
        MailKind.ORDER_EXPIRED: order.payment_status is PaymentStatus.EXPIRED,
        MailKind.EVENT_POSTPONED: event.status is EventStatus.POSTPONED,
        MailKind.EVENT_RESUMED: event.status is EventStatus.PUBLISHED,
        MailKind.ORDER_CONFIRMED: order.payment_status.has_tickets,
    }
    if not still_so.get(kind, True):
        raise NotNews("not_so_any_more")


def _tickets(order: Order, offer: Offer, admissions: Sequence[Admission]) -> list[Item]:
    """A line for each ticket of the order: its kind, who holds it, and the code to type where none can be scanned."""
    names = {each.ticket_type_id: each.ticket_type for each in offer.ticket_types}
    if not admissions:
        return [Item(f"{line.quantity} × {names.get(line.ticket_type_id, '')}", "") for line in order.lines]
    return [
        Item(
            names.get(admission.ticket_type_id, ""),
            " · ".join(part for part in (_holder(admission), admission.human_code) if part),
        )
        for admission in admissions
    ]


def _holder(admission: Admission) -> str:
    return f"{admission.attendee.first_name} {admission.attendee.last_name}".strip()


# words ---------------------------------------------------------------------------------------------------------------


def greeting(first_name: str, *, language: str) -> str:
    """`Hello Ada,`, or without the name where it may be something else than one."""
    name = one_line(first_name, length_max=200)
    if not name or len(name) > GREETED_LENGTH_MAX or _SAYS_MORE.search(name):
        return phrases(language)["hello"]
    return phrases(language)["hello_name"].replace("{name}", name)


def counted(tickets: int, *, language: str) -> str:
    """`1 ticket`, `3 tickets`."""
    return phrases(language)["one_ticket" if tickets == 1 else "many_tickets"].replace("{count}", str(tickets))


def moment_in_words(moment: datetime, timezone: str, *, language: str) -> str:
    """`Saturday, 1 May 2027, 19:30 (CEST)`, as clocks show it there."""
    pattern = phrases(language)["moment"]
    return str(in_words_of(moment, pattern, tzinfo=ZoneInfo(timezone), locale=LOCALES[language]))


def money_in_words(amount: int, currency: str, *, language: str) -> str:
    """`€25.00`, `25,00 €`."""
    whole = Decimal(amount).scaleb(-minor_digits(currency))
    return str(format_currency(whole, currency, locale=LOCALES[language]))


# addresses -----------------------------------------------------------------------------------------------------------


def link_url(house: House, link: Link) -> str:
    """Where a link leads that is good once."""
    query = urlencode({"token": link_token(house.keys, link)})
    return f"{house.settings.base_url}{house.settings.root_path}{LINK_PATHS[link.purpose]}?{query}"


# messages ------------------------------------------------------------------------------------------------------------


def message_of(delivery: Delivery, words: Written, sender: From, attachments: Sequence[Attachment]) -> Letter:
    """The message with its headers. Message-ID and Date are the delivery's own, the same however often it is sent."""
    needs_utf8 = not (delivery.recipient.isascii() and sender.address.isascii())
    message = EmailMessage(policy=SMTPUTF8 if needs_utf8 else SMTP)
    message["From"] = _address(sender.address, name=one_line(sender.name))
    message["To"] = _address(delivery.recipient)
    if sender.reply_to is not None:
        message["Reply-To"] = _address(sender.reply_to)
    message["Subject"] = words.subject.replace("=?", "= ?")  # what looks encoded would be decoded, line breaks and all
    message["Date"] = format_datetime(delivery.created_date_time)
    message["Message-ID"] = f"<{delivery.delivery_id}@{sender.address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    message.set_content(words.text, cte="quoted-printable")
    message.add_alternative(words.html, subtype="html", cte="quoted-printable")
    for attachment in attachments:
        main, _, sub = attachment.media_type.partition("/")
        message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.file_name)
    message["Content-Language"] = delivery.language
    return Letter(sender.address, delivery.recipient, message.as_bytes(), needs_utf8)


def _address(address: str, *, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
