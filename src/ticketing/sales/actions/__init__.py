"""Use cases of sales: read, decide, commit, answer."""

from ticketing.sales.actions.cancelling import Cancelled, Terms, TicketTerms, cancel_tickets, cancellation_terms
from ticketing.sales.actions.claims import claim_orders
from ticketing.sales.actions.common import admissions_of
from ticketing.sales.actions.holds import buyer_of, place_hold
from ticketing.sales.actions.owners import order_for, owns, shown_to
from ticketing.sales.actions.payments import settle, start_payment
from ticketing.sales.actions.pending import cancel_order, extend_hold
from ticketing.sales.actions.refunds import confirm_refund, refund_order
from ticketing.sales.actions.transfers import HandedOver, accept, offered_transfer

__all__ = [
    "Cancelled",
    "HandedOver",
    "Terms",
    "TicketTerms",
    "accept",
    "admissions_of",
    "buyer_of",
    "cancel_order",
    "cancel_tickets",
    "cancellation_terms",
    "claim_orders",
    "confirm_refund",
    "extend_hold",
    "offered_transfer",
    "order_for",
    "owns",
    "place_hold",
    "refund_order",
    "settle",
    "shown_to",
    "start_payment",
]
