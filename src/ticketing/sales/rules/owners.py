"""What an owner of orders is told where there is nothing to be had."""

from ticketing.base.errors import Kind, Refusal


class NoTickets(Refusal):
    """The order has no tickets that are good: it was not paid, or all of them are void."""

    code = "no_tickets"
    kind = Kind.CONFLICT
    title = "This order has no tickets to show: it is not paid, or all of them are void."


class EmailNotProven(Refusal):
    """The user has not shown yet that the address of the account is the user's own."""

    code = "email_not_proven"
    kind = Kind.CONFLICT
    title = "Show first that the address is yours: ask for a link, and follow it while you are logged in."
