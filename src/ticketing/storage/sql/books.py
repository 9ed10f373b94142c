"""What must be true of places, tickets and money together, as queries: each finds the rows of which it is not true.

A query returns a subject (an id) and a sentence about it, and is asked of one snapshot. Columns are those of `schema/tables.py`; what
they mean stands there. `:pool_max` and the other names after a colon are filled in from the bounds and by the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ticketing.base.bounds import API_KEYS_PER_USER_MAX, BLOCKS_PER_POOL_MAX, DEVICES_PER_EVENT_MAX, POOL_MAX

CLOCKS_APART_SECONDS: Final = 60
"""Times of rows are those of the processes that wrote them, taken when a request came: what lies closer together than this may have
happened in either order."""

WAITS_SECONDS: Final = 600
"""A mail that was due for so long was not only passed over by a busy minute."""

BOUNDS: Final[Mapping[str, int]] = {
    "waits": WAITS_SECONDS,
    "pool_max": POOL_MAX,
    "devices_max": DEVICES_PER_EVENT_MAX,
    "blocks_max": BLOCKS_PER_POOL_MAX,
    "api_keys_max": API_KEYS_PER_USER_MAX,
    "apart": CLOCKS_APART_SECONDS,
}


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that is true of sound data, and the query that finds where it is not. One that `needs_customers` is asked only where
    the function `customer_of` is there, which gives the name of an address in `allowances`."""

    name: str
    truth: str
    query: str
    needs_customers: bool = False


HAS_TICKETS: Final = "('completed', 'partially_refunded', 'refunded')"

# Places that somebody has: the lines of orders that wait for their payment, and admissions whose place was not given back.
_HELD: Final = "orders join order_details using (order_id) where orders.payment_status = 'pending'"
_SOLD: Final = "admissions where holds_place"
# Places that were taken out of a pool, to be sold from there.
_IN_BLOCKS: Final = "select origin_id, sum(places) as places, count(*) as count from blocks group by origin_id"


def _within(seconds: str, *, later: str, earlier: str) -> str:
    """The condition that `later` is so many seconds after `earlier` at least."""
    return f"unixepoch({later}) - unixepoch({earlier}) > {seconds}"


INVARIANTS: Final[tuple[Invariant, ...]] = (
    # places ----------------------------------------------------------------------------------------------------------
    Invariant(
        "ticket_type_places",
        "What is left of a ticket type, in blocks, held and sold is its quantity.",
        f"""
        with held as (select ticket_id, sum(quantity) as places from {_HELD} group by ticket_id),
             sold as (select ticket_id, count(*) as places from {_SOLD} group by ticket_id),
             out as ({_IN_BLOCKS})
        select ticket_id, format('%d are left, %d in blocks, %d held and %d sold, which is not its quantity of %d',
          quantity_available, coalesce(out.places, 0), coalesce(held.places, 0), coalesce(sold.places, 0), quantity)
        from tickets left join held using (ticket_id) left join sold using (ticket_id)
          left join out on origin_id = ticket_id
        where quantity_available + coalesce(out.places, 0) + coalesce(held.places, 0) + coalesce(sold.places, 0) <> quantity
        """,
    ),
    Invariant(
        "event_places",
        "What is left of an event's capacity, in blocks, held and sold is its capacity.",
        f"""
        with held as (select event_id, sum(quantity) as places from {_HELD} group by event_id),
             sold as (select event_id, count(*) as places from {_SOLD} group by event_id),
             out as ({_IN_BLOCKS})
        select event_id, format('%d are left, %d in blocks, %d held and %d sold, which is not its capacity of %s',
          capacity_available, coalesce(out.places, 0), coalesce(held.places, 0), coalesce(sold.places, 0),
          coalesce(capacity, 'no limit (' || :pool_max || ')'))
        from events left join held using (event_id) left join sold using (event_id)
          left join out on origin_id = event_id
        where capacity_available + coalesce(out.places, 0) + coalesce(held.places, 0) + coalesce(sold.places, 0)
          <> coalesce(capacity, :pool_max)
        """,
    ),
    Invariant(
        "blocks",
        "How many more blocks a pool may be in goes by those that are out, each opened since its event or type was last changed.",
        f"""
        with out as ({_IN_BLOCKS}),
             origins as (
               select event_id as origin_id, blocks_left, version from events
               union all select ticket_id, blocks_left, version from tickets
             )
        select origin_id, format('may be in %d more blocks and is in %d, which is not %d in all',
          blocks_left, coalesce(out.count, 0), :blocks_max)
        from origins left join out using (origin_id) where blocks_left + coalesce(out.count, 0) <> :blocks_max
        union all
        select block_id, format('has %d places of %s, which is not its event or type as it stands', places, blocks.origin_id)
        from blocks left join origins using (origin_id)
        where origins.version is null or block_id not glob origin_id || '.' || origins.version || '.*' or places < 0
        """,
    ),
    Invariant(
        "event_allowances",
        "What all customers of an event are counted as having is what they hold and bought.",
        f"""
        with held as (select event_id, sum(quantity) as places from {_HELD} group by event_id),
             sold as (select event_id, count(*) as places from {_SOLD} group by event_id),
             counted as (select event_id, -sum(balance) as places from allowances group by event_id)
        select event_id, format('its customers are counted as having %d, but hold %d and bought %d',
          coalesce(counted.places, 0), coalesce(held.places, 0), coalesce(sold.places, 0))
        from events left join held using (event_id) left join sold using (event_id) left join counted using (event_id)
        where coalesce(counted.places, 0) <> coalesce(held.places, 0) + coalesce(sold.places, 0)
        """,
    ),
    Invariant(
        "customer_allowances",
        "What a customer is counted as having at an event is what this customer holds and bought there.",
        f"""
        with taken as (
          select event_id, customer_of(customer_email) as customer, quantity as places from {_HELD}
          union all
          select orders.event_id, customer_of(customer_email), 1
          from admissions join orders using (order_id) where holds_place
        ),
        compared as (
          select event_id, customer, -balance as counted, 0 as had from allowances
          union all
          select event_id, customer, 0, places from taken
        )
        select event_id || ' ' || customer, format('this customer is counted as having %d, but holds or bought %d',
          sum(counted), sum(had))
        from compared group by event_id, customer having sum(counted) <> sum(had)
        """,
        needs_customers=True,
    ),
    Invariant(
        "customer_limits",
        "Nobody bought more than each customer may have while that was the limit.",
        # Who was over the limit before the event was last changed was so by an older limit, which is no more than remarkable.
        f"""
        with latest as (
          select event_id, customer_of(customer_email) as customer, max(order_date_time) as order_date_time
          from orders where payment_status = 'pending'
            or exists (select 1 from admissions where admissions.order_id = orders.order_id and holds_place)
          group by 1, 2
        )
        select event_id || ' ' || customer, format('this customer has %d, and each may have %d since before the last order',
          -balance, tickets_per_customer_max)
        from allowances join events using (event_id) join latest using (event_id, customer)
        where -balance > tickets_per_customer_max
          and {_within(":apart", later="order_date_time", earlier="last_updated_date_time")}
        """,
        needs_customers=True,
    ),
    Invariant(
        "holds",
        "Exactly the orders that wait for their payment are where expiry looks for them.",
        """
        select order_id, iif(hold_shard is null,
          'waits for its payment, but where expiry never finds it', 'is ' || payment_status || ', but expiry would look at it')
        from orders where (payment_status = 'pending') <> (hold_shard is not null)
        """,
    ),
    Invariant(
        "door_devices",
        "How many more door devices an event may have goes by those that it has.",
        """
        with made as (select event_id, count(*) as count from devices group by event_id)
        select event_id, format('may have %d more door devices and has %d, which is not %d in all',
          devices_available, coalesce(made.count, 0), :devices_max)
        from events left join made using (event_id)
        where devices_available + coalesce(made.count, 0) <> :devices_max
        """,
    ),
    Invariant(
        "api_keys",
        "How many more API keys a user may have goes by those that the user has.",
        """
        with made as (select user_id, count(*) as count from api_keys group by user_id)
        select user_id, format('may have %d more API keys and has %d, which is not %d in all',
          api_keys_available, coalesce(made.count, 0), :api_keys_max)
        from users left join made using (user_id)
        where api_keys_available + coalesce(made.count, 0) <> :api_keys_max
        """,
    ),
    # orders and their tickets ----------------------------------------------------------------------------------------
    Invariant(
        "order_lines",
        "Every order has lines, of ticket types of its event.",
        """
        select order_id, 'has no lines'
        from orders where not exists (select 1 from order_details where order_details.order_id = orders.order_id)
        union all
        select order_id, format('orders %s, which another event sells', ticket_id)
        from order_details join orders using (order_id) join tickets using (ticket_id)
        where tickets.event_id <> orders.event_id
        """,
    ),
    Invariant(
        "order_totals",
        "The total of an order is the sum of its lines.",
        """
        with costs as (select order_id, sum(subtotal_amount) as amount from order_details group by order_id)
        select order_id, format('its total is %d, and its lines cost %d', total_amount, coalesce(costs.amount, 0))
        from orders left join costs using (order_id) where total_amount <> coalesce(costs.amount, 0)
        """,
    ),
    Invariant(
        "order_accounts",
        "The account that an order is listed under is its buyer's.",
        """
        select order_id, format('is listed under %s, and was bought by %s', account_user_id, user_id)
        from orders where account_user_id <> user_id
        """,
    ),
    Invariant(
        "order_admissions",
        "An order that was paid, or cost nothing, brought as many admissions of each type as it ordered; no other brought any.",
        f"""
        with compared as (
          select order_id, payment_status, total_amount, ticket_id, quantity as ordered, (
            select count(*) from admissions
            where admissions.order_id = orders.order_id and admissions.ticket_id = order_details.ticket_id
          ) as issued
          from orders join order_details using (order_id)
        )
        select order_id, format('is %s and has %d admissions of %s, of which %d were ordered',
          payment_status, issued, ticket_id, ordered)
        from compared where issued <> case
          when payment_status in {HAS_TICKETS} or (payment_status = 'cancelled' and total_amount = 0 and issued > 0)
          then ordered else 0 end
        union all
        select order_id, format('has the admission %s of %s, which it did not order', admission_id, ticket_id)
        from admissions where not exists (
          select 1 from order_details
          where order_details.order_id = admissions.order_id and order_details.ticket_id = admissions.ticket_id)
        """,
    ),
    Invariant(
        "admission_events",
        "An admission is for the event of its order and of its ticket type.",
        """
        select admission_id, format('is for %s, its order for %s and its ticket type for %s',
          admissions.event_id, orders.event_id, tickets.event_id)
        from admissions join orders using (order_id) join tickets using (ticket_id)
        where admissions.event_id <> orders.event_id or admissions.event_id <> tickets.event_id
        """,
    ),
    Invariant(
        "void_admissions",
        "An admission is void exactly where a refund names it, its buyer gave it back, or its order was cancelled.",
        """
        with named as (
          select json_each.value as admission_id from refunds, json_each(refunds.admissions)
          union
          select json_each.value from facts, json_each(facts.content, '$.admissions') where kind = 'order.tickets_cancelled'
        )
        select admission_id, iif(status = 'void',
          'is void, but nobody refunded or cancelled it', 'is ' || status || ', but was refunded or cancelled')
        from admissions join orders using (order_id) left join named using (admission_id)
        where (status = 'void') <> (named.admission_id is not null or payment_status = 'cancelled')
        union all
        select refund_id, format('names the admission %s, which its order %s did not bring', json_each.value, refunds.order_id)
        from refunds, json_each(refunds.admissions)
        where not exists (
          select 1 from admissions
          where admissions.admission_id = json_each.value and admissions.order_id = refunds.order_id)
        """,
    ),
    Invariant(
        "transfers",
        "An admission is held by the last transfer of it that was accepted, with a code of its own since, and offered by one that is open.",
        """
        with done as (
          select admission_id, count(*) as count, max(ended_date_time || ' ' || transfer_id) as last
          from transfers where status = 'accepted' group by admission_id
        )
        select admission_id, format('is held by %s, and %s was accepted last',
          coalesce(transfer_id, 'who ordered it'), coalesce(substr(last, instr(last, ' ') + 1), 'none'))
        from admissions left join done using (admission_id)
        where transfer_id is not substr(last, instr(last, ' ') + 1)
        union all
        select admission_id, format('was handed over %d times, and has its code number %d: an old one still opens', count, generation)
        from admissions join done using (admission_id) where generation < 1 + count
        union all
        select admission_id, format('is offered by %s, which is not an offer of it', offer_id)
        from admissions where offer_id is not null and not exists (
          select 1 from transfers
          where transfers.transfer_id = offer_id and transfers.admission_id = admissions.admission_id and transfers.status = 'offered')
        """,
    ),
    Invariant(
        "completion_facts",
        "That an order is complete was noted once, to be told; and of no other order.",
        f"""
        with noted as (select subject_id as order_id, count(*) as count from facts where kind = 'order.completed' group by 1)
        select order_id, format('is %s, and %d facts say that it was completed', payment_status, coalesce(noted.count, 0))
        from orders left join noted using (order_id)
        where (payment_status in {HAS_TICKETS} and coalesce(noted.count, 0) <> 1)
          or (payment_status in ('pending', 'expired') and coalesce(noted.count, 0) <> 0)
        """,
    ),
    # money -----------------------------------------------------------------------------------------------------------
    Invariant(
        "amounts_paid",
        "What an order was paid is the sum of its completed payments.",
        """
        with came as (
          select order_id, sum(payment_amount) as amount from payments where payment_status = 'completed' group by order_id)
        select order_id, format('says that %d was paid, and its payments brought %d', amount_paid, coalesce(came.amount, 0))
        from orders left join came using (order_id) where amount_paid <> coalesce(came.amount, 0)
        """,
    ),
    Invariant(
        "amounts_refunded",
        "What went back for an order, or is due to, is the sum of its refunds, and no more than was paid.",
        """
        with went as (select order_id, sum(refund_amount) as amount from refunds group by order_id)
        select order_id, format('says that %d of %d went back, and its refunds come to %d',
          amount_refunded, amount_paid, coalesce(went.amount, 0))
        from orders left join went using (order_id)
        where amount_refunded <> coalesce(went.amount, 0) or amount_refunded > amount_paid
        """,
    ),
    Invariant(
        "order_states",
        "How an order stands goes by its money: complete, the total is there; refunded in part, some is, or a ticket is good still; "
        "refunded or without tickets, nothing is.",
        """
        select order_id, format('is %s, but keeps %d of a total of %d', payment_status, amount_paid - amount_refunded, total_amount)
        from orders where case payment_status
          when 'completed' then amount_paid - amount_refunded <> total_amount
          when 'partially_refunded' then not amount_paid - amount_refunded between iif(exists (
            select 1 from admissions where admissions.order_id = orders.order_id and status <> 'void'), 0, 1) and total_amount - 1
          else amount_paid <> amount_refunded end
        """,
    ),
    Invariant(
        "refunds_of_payments",
        "A refund goes against a completed payment of its order, in its currency, and all of them within what that brought.",
        """
        select refund_id, format('goes against the payment %s, which is %s, of %s, in %s',
          payment_id, payment_status, payments.order_id, payments.currency)
        from refunds join payments using (payment_id)
        where refunds.order_id <> payments.order_id or payment_status <> 'completed' or refunds.currency <> payments.currency
        union all
        select payment_id, format('brought %d, and %d of it went back', payment_amount, sum(refund_amount))
        from refunds join payments using (payment_id) group by payment_id having sum(refund_amount) > payment_amount
        """,
    ),
    Invariant(
        "payment_currencies",
        "A payment is in the currency of its order.",
        """
        select payment_id, format('is in %s, and its order %s in %s', payments.currency, order_id, orders.currency)
        from payments join orders using (order_id) where payments.currency <> orders.currency
        """,
    ),
    Invariant(
        "payment_lists",
        "An order names exactly the payments that were made for it.",
        """
        select order_id, format('names the payment %s, which is not its own', json_each.value)
        from orders, json_each(orders.payments)
        where not exists (
          select 1 from payments where payments.payment_id = json_each.value and payments.order_id = orders.order_id)
        union all
        select order_id, format('does not name its payment %s', payment_id)
        from payments join orders using (order_id)
        where not exists (select 1 from json_each(orders.payments) where json_each.value = payments.payment_id)
        """,
    ),
    Invariant(
        "refund_lists",
        "An order names exactly the refunds that were made for it.",
        """
        select order_id, format('names the refund %s, which is not its own', json_each.value)
        from orders, json_each(orders.refunds)
        where not exists (
          select 1 from refunds where refunds.refund_id = json_each.value and refunds.order_id = orders.order_id)
        union all
        select order_id, format('does not name its refund %s', refund_id)
        from refunds join orders using (order_id)
        where not exists (select 1 from json_each(orders.refunds) where json_each.value = refunds.refund_id)
        """,
    ),
    Invariant(
        "transactions",
        "Each transaction settled one payment: a completed payment has the marker of its transaction, and each marker its payment.",
        """
        select payment_id, 'is completed, but its transaction is not marked as its own, so that it could settle another'
        from payments join orders using (order_id) join events using (event_id)
        left join uniques on target_id = payment_id
          and name = 'transaction#' || organizer_user_id || '#' || payment_method || '#' || transaction_id
        where payments.payment_status = 'completed' and target_id is null
        union all
        select name, 'is marked as settled, but its payment ' || target_id || ' is not completed'
        from uniques left join payments on payment_id = target_id
        where name >= 'transaction#' and name < 'transaction$' and payment_status is not 'completed'
        """,
    ),
    # the door --------------------------------------------------------------------------------------------------------
    Invariant(
        "admission_states",
        "A valid admission was never entered with; a used one was, and keeps its place; a void one keeps it if it was used.",
        """
        with passages as (
          select admission_id, sum(result = 'admitted') as entries from check_ins where result in ('admitted', 'left') group by 1
        )
        select admission_id, format('is %s%s, and was entered with %d times',
          status, iif(holds_place, '', ' without a place'), coalesce(entries, 0))
        from admissions left join passages using (admission_id)
        where case status
          when 'valid' then not holds_place or coalesce(entries, 0) > 0
          when 'used' then not holds_place or coalesce(entries, 0) = 0
          else holds_place <> (coalesce(entries, 0) > 0) end
        """,
    ),
    Invariant(
        "entries",
        "Whoever is inside entered once more than they left; whoever is not left as often as they entered.",
        """
        with passages as (
          select admission_id, sum(iif(result = 'admitted', 1, -1)) as inside
          from check_ins where result in ('admitted', 'left') group by admission_id
        )
        select admission_id, format('%d more entries than exits were let through, and it is %s', coalesce(inside, 0),
          iif(entered_at is null, 'outside', 'inside since ' || entered_at))
        from admissions left join passages using (admission_id)
        where coalesce(inside, 0) <> (entered_at is not null)
        union all
        select admission_id, format('is inside since %s, when no entry was let through', entered_at)
        from admissions where entered_at is not null and exists (
          select 1 from check_ins where check_ins.admission_id = admissions.admission_id and result = 'admitted')
          and not exists (
          select 1 from check_ins
          where check_ins.admission_id = admissions.admission_id and result = 'admitted' and scanned_at = entered_at)
        """,
    ),
    Invariant(
        "doors",
        "Whoever passed a door did so at their own event's.",
        """
        select check_ins.event_id || ' ' || scan_id, format('let %s through, which is for %s', admission_id, admissions.event_id)
        from check_ins join admissions using (admission_id)
        where result in ('admitted', 'left') and check_ins.event_id <> admissions.event_id
        """,
    ),
    Invariant(
        "entries_after_refund",
        "Nobody entered with an admission after it was refunded.",
        f"""
        select json_each.value, format('was refunded at %s and let in at %s', refund_date_time, check_ins.created_date_time)
        from refunds cross join json_each(refunds.admissions) cross join check_ins on check_ins.admission_id = json_each.value
        where result = 'admitted' and {_within(":apart", later="check_ins.created_date_time", earlier="refund_date_time")}
        """,
    ),
    # events and what hangs on them -----------------------------------------------------------------------------------
    Invariant(
        "public_events",
        "An event is in the public lists unless it is a draft.",
        """
        select event_id, format('is %s, and %s in the public lists', status, iif(public_shard is null, 'not', 'stands'))
        from events where (status = 'draft') <> (public_shard is null)
        """,
    ),
    Invariant(
        "listings",
        "Exactly the public events can be searched, at their own dates.",
        """
        select event_id, case
          when listings.event_id is null then 'is public, but has no listing'
          when status = 'draft' then 'is a draft, but has a listing'
          else 'is listed at other dates than its own' end
        from events left join listings using (event_id)
        where (status = 'draft') <> (listings.event_id is null)
          or listings.start_date_time <> events.start_date_time or listings.end_date_time <> events.end_date_time
        """,
    ),
    Invariant(
        "search_index",
        "The search index has exactly the listings.",
        """
        select event_id, iif(position is null,
          'has a listing that search does not know', 'has a place in the search index, and no words there')
        from listings left join event_positions using (event_id)
        left join event_search_docsize on event_search_docsize.id = position
        where event_search_docsize.id is null
        union all
        select event_id, 'has no listing, but search knows it'
        from event_positions where not exists (select 1 from listings where listings.event_id = event_positions.event_id)
        """,
    ),
    Invariant(
        "ticket_type_lists",
        "An event names the ticket types that it sells; one that it does not name was withdrawn, with a quantity of nothing.",
        """
        select json_each.value, format('is offered by %s, but is not a ticket type of it', event_id)
        from events, json_each(events.ticket_types)
        where not exists (
          select 1 from tickets where tickets.ticket_id = json_each.value and tickets.event_id = events.event_id)
        union all
        select ticket_id, format('is not offered by its event %s', event_id)
        from tickets join events using (event_id)
        where quantity <> 0 and not exists (
          select 1 from json_each(events.ticket_types) where json_each.value = tickets.ticket_id)
        """,
    ),
    Invariant(
        "category_mappings",
        "An event's categories are mapped, and found with it while it is public, at its date.",
        """
        select event_id, format('names %s, which it is not mapped to', json_each.value)
        from events, json_each(events.categories)
        where not exists (
          select 1 from event_category_mapping as mapped
          where mapped.event_id = events.event_id and mapped.category_id = json_each.value)
        union all
        select event_id, format('is mapped to %s, which it does not name', category_id)
        from event_category_mapping join events using (event_id)
        where not exists (select 1 from json_each(events.categories) where json_each.value = category_id)
        union all
        select event_id, format('is %s at %s, and found under %s as %s at %s', status, events.start_date_time, category_id,
          iif(live_category is null, 'hidden', 'public'), mapped.start_date_time)
        from event_category_mapping as mapped join events using (event_id)
        where live_category is not iif(status = 'draft', null, category_id) or mapped.start_date_time <> events.start_date_time
        """,
    ),
    Invariant(
        "category_counts",
        "A category counts the events that have it.",
        """
        with had as (select category_id, count(*) as count from event_category_mapping group by category_id)
        select category_id, format('counts %d events, and %d have it', use_count, coalesce(had.count, 0))
        from event_categories left join had using (category_id) where use_count <> coalesce(had.count, 0)
        """,
    ),
    Invariant(
        "names_taken",
        "Each log-in has its address to itself and each category its name; no such name is taken for nobody.",
        """
        with owned as (
          select substr(name, 1, instr(name, '#') - 1) as kind, target_id as owner, 1 as has, 0 as wants from uniques
          where name glob 'email#*' or name glob 'username#*' or name glob 'category#*'
          union all select 'email', user_id, 0, 1 from users where user_type <> 'guest'
          union all select 'username', user_id, 0, 1 from users where user_type <> 'guest' and username is not null
          union all select 'category', category_id, 0, 1 from event_categories
        )
        select owner, format('has %d names of the kind "%s" to itself, instead of %d', sum(has), kind, sum(wants))
        from owned group by kind, owner having sum(has) <> sum(wants)
        """,
    ),
)
"""All that `ticket doctor` looks at beyond pages, references and schema."""

REMARKS: Final[tuple[Invariant, ...]] = (
    Invariant(
        "below_nothing",
        "There is room for all that is held and sold.",
        """
        select ticket_id, format('%d more are held and sold than its quantity, which was lowered since', -quantity_available)
        from tickets where quantity_available < 0
        union all
        select event_id, format('%d more are held and sold than its capacity, which was lowered since', -capacity_available)
        from events where capacity_available < 0
        """,
    ),
    Invariant(
        "over_limit",
        "Nobody has more than each customer may have now.",
        """
        select event_id || ' ' || customer, format('this customer has %d, and each may have %d; the limit was lowered since',
          -balance, tickets_per_customer_max)
        from allowances join events using (event_id) where -balance > tickets_per_customer_max
        """,
    ),
    Invariant(
        "run_out_holds",
        "A hold that ran out gives its places back within seconds, while a server runs.",
        """
        select order_id, format('its hold ran out at %s, and its places were not given back yet', expires_at)
        from orders where hold_shard is not null and expires_at < :now
        """,
    ),
    Invariant(
        "refunds_due",
        "Money that is due to go back was sent.",
        """
        select refund_id, format('%d %s for %s are due since %s', refund_amount, currency, order_id, refund_date_time)
        from refunds where refund_status = 'due'
        """,
    ),
    Invariant(
        "mails_given_up",
        "Every mail reached its reader's mail server.",
        """
        select coalesce(last_error, 'unknown'), format('%d mails ended with this (%s), the last one of %s',
          count(*), group_concat(distinct delivery_status), max(created_date_time))
        from deliveries where delivery_status in ('failed', 'dead') group by 1
        """,
    ),
    Invariant(
        "mails_that_wait",
        "Mails go out within minutes, while a server runs that has a mail server.",
        """
        select 'deliveries', format('%d mails wait, the longest since %s', count(*), min(created_date_time))
        from deliveries where delivery_status = 'queued' and unixepoch(:now) - unixepoch(next_attempt_at) > :waits
        having count(*) > 0
        union all
        select 'untold', format('of %d facts nobody was told yet, the first of %s', count(*), min(created_date_time))
        from untold join facts using (fact_id) where unixepoch(:now) - unixepoch(created_date_time) > :waits having count(*) > 0
        """,
    ),
    Invariant(
        "answers_kept_too_long",
        "Answers to repeated requests are forgotten when their time is over, while a server runs.",
        """
        select 'idempotency', format('%d answers ran out and were not deleted yet', count(*))
        from idempotency where expires_at < :now having count(*) > 0
        """,
    ),
)
"""What is worth knowing and not wrong."""
