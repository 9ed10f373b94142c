"""What sales take and show in JSON, as models for validation and for the OpenAPI document."""

from typing import Annotated

from pydantic import Field

from ticketing.base.bounds import ORDER_LINES_MAX, QUANTITY_MAX, SHORT_TEXT_LENGTH_MAX, TICKETS_PER_ORDER_MAX
from ticketing.payments.model import PaymentMethod, PaymentState, RefundState, TestOutcome
from ticketing.sales.model import Customer, HoldWish, LineWish, PaymentStatus
from ticketing.sales.rules import merged_lines
from ticketing.web.bodies import Body, Email, Identifier, Line, MoneyBody, MoneyShown, OptionalName, Shown, Whole

TRANSACTION_ID_LENGTH_MAX = 200


class LineBody(Body):
    """So many of one ticket type."""

    ticket_type_id: Annotated[Identifier, Field(examples=["tty_01kb3m8zs4h0t2n5v8x1c4f7jq"])]
    quantity: Annotated[Whole, Field(ge=1, le=QUANTITY_MAX, examples=[2])]


class CustomerBody(Body):
    """Who buys."""

    email: Annotated[Email, Field(examples=["ada@example.org"])]
    first_name: Annotated[OptionalName, Field(examples=["Ada"])] = ""
    last_name: Annotated[OptionalName, Field(examples=["Lovelace"])] = ""


class OrderBody(Body):
    """What somebody wants to buy. `customer` may be left out by who is logged in."""

    event_id: Annotated[Identifier, Field(examples=["evt_01kb3m8zs4h0t2n5v8x1c4f7jp"])]
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=ORDER_LINES_MAX)]
    customer: CustomerBody | None = None

    def wish(self) -> HoldWish:
        """The same, as actions take it: each ticket type once."""
        lines = merged_lines([(line.ticket_type_id, line.quantity) for line in self.lines])
        return HoldWish(self.event_id, tuple(LineWish(type_id, quantity) for type_id, quantity in lines))

    def quotation_marks(self) -> int:
        """How many stand in JSON that says this and nothing twice, if none is escaped: two for each name and text."""
        texts = 3 + 3 * len(self.lines)  # an id with its name, and a name; in each line two names and an id
        if "customer" in self.model_fields_set:
            texts += 1 if self.customer is None else 1 + 2 * len(self.customer.model_fields_set)
        return 2 * texts

    def who_buys(self) -> Customer | None:
        """The customer who is named."""
        named = self.customer
        return None if named is None else Customer(named.email, named.first_name, named.last_name)


class OrderLineShown(Shown):
    """A line of an order."""

    ticket_type_id: str
    quantity: int
    unit_price: MoneyShown
    subtotal_amount: MoneyShown


class CustomerShown(Shown):
    """Who bought."""

    email: str
    first_name: str
    last_name: str


class OrderShown(Shown):
    """An order. Pending, it holds its places until `expires_at`."""

    order_id: str
    order_code: str
    event_id: str
    user_id: str
    payment_status: PaymentStatus
    total_amount: MoneyShown
    amount_paid: MoneyShown
    amount_refunded: MoneyShown
    lines: list[OrderLineShown]
    order_date_time: str
    expires_at: str
    extensions: int
    customer: CustomerShown


class NewOrderShown(OrderShown):
    """A new order, with the token by which a guest owns it, shown this once (and to a repeated request)."""

    access_token: str


class OrderList(Shown):
    """A page of orders."""

    data: list[OrderShown]
    next_cursor: str | None


class PaymentBody(Body):
    """How to pay. `outcome` is for test payments only: what they shall do."""

    payment_method: Annotated[PaymentMethod, Field(examples=["test"])]
    outcome: TestOutcome = TestOutcome.PAID


class ConfirmBody(Body):
    """What was seen of a bank transfer or cash: its transaction, and its amount if that is to be compared."""

    transaction_id: Annotated[
        Line, Field(min_length=1, max_length=TRANSACTION_ID_LENGTH_MAX, examples=["bank-statement-2027-03-01-17"])
    ]
    amount: MoneyBody | None = None


class NextAction(Shown):
    """What the payer has to do."""

    type: str
    text: str
    reference: str


class PaymentShown(Shown):
    """A payment."""

    payment_id: str
    order_id: str
    payment_date_time: str
    payment_amount: MoneyShown
    payment_method: PaymentMethod
    payment_status: PaymentState
    transaction_id: str | None
    completed_date_time: str | None
    next_action: NextAction | None


class PaymentList(Shown):
    """The payments of an order, the oldest first."""

    data: list[PaymentShown]
    next_cursor: str | None


class RefundBody(Body):
    """What is to go back: an amount, what these admissions cost (they become void), or with neither all that is left.

    An amount alone voids no admission, unless it is all that was left: then they are void.
    """

    amount: MoneyBody | None = None
    admissions: Annotated[list[Identifier] | None, Field(min_length=1, max_length=TICKETS_PER_ORDER_MAX)] = None
    reason: Annotated[Line, Field(max_length=SHORT_TEXT_LENGTH_MAX, examples=["Asked for by the customer."])] = ""


class RefundShown(Shown):
    """A refund. `due` says that the money has still to be sent."""

    refund_id: str
    order_id: str
    payment_id: str
    refund_date_time: str
    refund_amount: MoneyShown
    reason: str
    admissions: list[str]
    refund_status: RefundState


class RefundList(Shown):
    """The refunds of an order, the oldest first."""

    data: list[RefundShown]
    next_cursor: str | None
