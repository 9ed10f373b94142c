"""Letters: what a delivery is about is read, put into words, and becomes a message with its headers."""

import asyncio
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
from ticketing.admission.model import Admission, Attendee, Transfer
from ticketing.admission.store import read_admission, read_transfer
from ticketing.base.house import House
from ticketing.base.money import minor_digits
from ticketing.events.model import Event, EventStatus, Offer
from ticketing.events.store import read_offer
from ticketing.notify.model import Attachment, Delivery, Letter, MailKind
from ticketing.notify.store import fact_content
from ticketing.notify.writing import Item, Values, Written, one_line, phrases, written
from ticketing.payments.model import PaymentMethod, PaymentState, RefundState
from ticketing.payments.store import read_payment, read_refund
from ticketing.sales.actions import admissions_of
from ticketing.sales.links import offer_path, order_path, order_url, public_url, ticket_path
from ticketing.sales.model import Customer, Order, PaymentStatus
from ticketing.sales.printing import calendar_of, sheets_of
from ticketing.sales.store import read_order
from ticketing.venues.store import read_venue
from ticketing.web.names import said_name

LOCALES: Final = {"en": "en_GB", "de": "de_DE"}


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
        if delivery.kind.is_of_a_ticket:
            return await self._of_a_ticket(delivery, plain=plain, now=now)
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
            every = await admissions_of(self._house, order)
            # Who handed one over does not get the code of its new holder, though the mail be sent again.
            admissions = tuple(one for one in every if not one.is_void and one.transfer_id is None)
        values = Values(words, addresses, {"tickets": _tickets(order, offer, admissions)})
        if plain or not admissions:
            return values, ()
        return values, await self._attached(delivery, order, admissions, uid=order.order_id)

    async def _of_a_ticket(
        self, delivery: Delivery, *, plain: bool, now: datetime
    ) -> tuple[Values, tuple[Attachment, ...]]:
        house, kind = self._house, delivery.kind
        content = await fact_content(house.store, delivery.fact_id)
        held_by = content.get("held_by")
        transfer_id = content.get("transfer_id")
        transfer = None if transfer_id is None else await read_transfer(house.store, transfer_id)
        admission = await read_admission(house.store, content["admission_id"])
        order = None if admission is None else await read_order(house.store, admission.order_id)
        if admission is None or order is None:
            raise NotNews("ticket_gone")
        _refuse_old_news_of_ticket(kind, admission, transfer, held_by=held_by, now=now)
        offer = await read_offer(house.store, order.event_id)
        assert offer is not None, "an event that was public is never deleted"
        words = await self._words_of_order(delivery, order, offer)
        before = None if held_by is None else await read_transfer(house.store, held_by)
        giver = order.customer if before is None else before.recipient
        is_to_recipient = kind in (MailKind.TICKET_OFFERED, MailKind.OFFER_WITHDRAWN, MailKind.TICKET_RECEIVED)
        reader = transfer.recipient if transfer is not None and is_to_recipient else giver
        timezone = offer.event.timezone
        words |= {
            "greeting": greeting(reader.first_name, language=delivery.language),
            "giver": self._called(giver, delivery),
            "recipient": "" if transfer is None else self._called(transfer.recipient, delivery),
            "attendee": one_line(_holder(admission) or admission.attendee.email, length_max=200),
            "ticket_type": one_line(_kinds(offer).get(admission.ticket_type_id, ""), length_max=120),
            "offer_ends": ""
            if transfer is None
            else moment_in_words(transfer.expires_at, timezone, language=delivery.language),
        }
        values = Values(
            words, self._addresses(order, transfer, held_by), {"tickets": _tickets(order, offer, (admission,))}
        )
        if plain or kind not in (MailKind.TICKET_RECEIVED, MailKind.TICKET_RENAMED):
            return values, ()
        return values, await self._attached(delivery, order, (admission,), uid=admission.admission_id)

    def _addresses(self, order: Order, transfer: Transfer | None, held_by: str | None) -> dict[str, str]:
        """The pages that a mail about a ticket may lead to; each template names the one that belongs to its reader."""
        house = self._house
        own = order_path(house.keys, order.order_id) if held_by is None else ticket_path(house.keys, held_by)
        paths = {"own": own, "event": f"/events/{order.event_id}"}
        if transfer is not None:
            paths["offer"] = offer_path(house.keys, transfer.transfer_id)
            paths["ticket"] = ticket_path(house.keys, transfer.transfer_id)
        return {name: public_url(house, path) for name, path in paths.items()}

    def _called(self, person: Customer | Attendee, delivery: Delivery) -> str:
        name = said_name(one_line(f"{person.first_name} {person.last_name}", length_max=200))
        return name or phrases(delivery.language)["somebody"]

    async def _attached(
        self, delivery: Delivery, order: Order, admissions: Sequence[Admission], *, uid: str
    ) -> tuple[Attachment, ...]:
        """What goes with a mail that brings tickets: all of them on paper, and their event for a calendar."""
        entry = await calendar_of(self._house, order, admissions, uid=uid)
        calendar = Attachment(f"{phrases(delivery.language)['calendar_name']}.ics", "text/calendar", entry)
        return await self._printed(delivery, order, admissions), calendar

    async def _printed(self, delivery: Delivery, order: Order, admissions: Sequence[Admission]) -> Attachment:
        """All tickets of the order on paper, drawn off the event loop, one order at a time."""
        # Only where somebody prints: what draws takes a fifth of a second to import, which a cold start need not wait for.
        from ticketing.admission.pdf import tickets_pdf

        sheets = await sheets_of(self._house, order, admissions)
        name = phrases(delivery.language)["file_name"]
        code = order.code
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
            "order_code": order.code,
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
        if delivery.kind is MailKind.TICKETS_CANCELLED:
            content = await fact_content(house.store, delivery.fact_id)
            words["tickets"] = counted(len(content["admissions"]), language=language)
            if "refund_id" in content:
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


def _refuse_old_news_of_ticket(
    kind: MailKind, admission: Admission, transfer: Transfer | None, *, held_by: str | None, now: datetime
) -> None:
    """Nothing, while what this kind says of the ticket is so. Raises NotNews."""
    still_so = True
    match kind:
        case MailKind.TICKET_OFFERED:
            still_so = transfer is not None and transfer.is_open(now=now) and admission.offer_id == transfer.transfer_id
        case MailKind.TICKET_RECEIVED:
            still_so = transfer is not None and admission.transfer_id == transfer.transfer_id and not admission.is_void
        case MailKind.TICKET_RENAMED:
            still_so = admission.transfer_id == held_by and not admission.is_void
    if not still_so:
        raise NotNews("not_so_any_more")


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


def _kinds(offer: Offer) -> dict[str, str]:
    return {each.ticket_type_id: each.ticket_type for each in offer.ticket_types}


def _tickets(order: Order, offer: Offer, admissions: Sequence[Admission]) -> list[Item]:
    """A line for each ticket of the order: its kind, who holds it, and the code to type where none can be scanned."""
    names = _kinds(offer)
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
    """`Hello Ada,`, or without the name where it may be something else."""
    name = said_name(one_line(first_name, length_max=200))
    if not name:
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
    return public_url(house, f"{LINK_PATHS[link.purpose]}?{urlencode({'token': link_token(house.keys, link)})}")


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
        message.add_attachment(
            attachment.content,
            maintype=main,
            subtype=sub,
            filename=attachment.file_name,
            params={"charset": "utf-8"} if main == "text" else None,
        )
    message["Content-Language"] = delivery.language
    return Letter(sender.address, delivery.recipient, message.as_bytes(), needs_utf8)


def _address(address: str, *, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
