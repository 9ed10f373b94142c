"""Documents that are made from the code: `python -m tests.support.documents` writes them anew, a test compares them."""

# ruff: noqa: E501 (a table row is a line)

import importlib
import pkgutil
import re
from pathlib import Path

import ticketing
from ticketing.base.errors import Refusal, every_refusal
from ticketing.web.replies import STATUS_OF_KIND

REFUSALS_PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"

HEAD = """# Refusals

Every expected "no" of Ticket, with its stable code. A refusal is an `application/problem+json` document (RFC 9457):

```json
{"type": "/docs/refusals#sold_out", "title": "Not as many tickets are left.", "status": 409, "detail": "Only 1 left.",
 "instance": "/v1/orders", "code": "sold_out", "left": 1, "ticket_type_id": "tty_…"}
```

`code` never changes its meaning. `errors` names every wrong field at once, each with a JSON `pointer` (or `?name` for a query parameter), a `code` and a `detail`. Nothing was
changed by a refused request, and its idempotency key can be used again for the same request.

## Order of precedence in a sale

`event_not_found` · `event_cancelled` · `event_postponed` · `sales_not_started` · `sales_ended` · `ticket_type_not_found` · `ticket_type_not_on_sale` · `quantity_not_allowed` ·
`limit_per_customer` (with what is `left` to this customer) · `sold_out` (with what is `left`) · `hold_expired` · `order_cancelled` · `already_paid` · `amount_mismatch` · `busy`

Before all of them: `unsupported_media_type`, `unauthenticated`, `idempotency_key_missing`, `invalid_request`. An idempotency key that has its answer gets it again, whatever has changed since.

## All codes

| code | status | what it says | what it means |
|---|---|---|---|
"""


def import_everything() -> None:
    """Every module of the package is imported, so that every refusal is defined."""
    for module in pkgutil.walk_packages(ticketing.__path__, "ticketing."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def refusals_page() -> str:
    """The text of `docs/refusals.md`."""
    import_everything()
    rows: dict[str, str] = {}
    for refusal in every_refusal():
        rows[refusal.code] = (
            f"| `{refusal.code}` | {STATUS_OF_KIND[refusal.kind]} | {refusal.title} | {_meaning(refusal)} |"
        )
    return HEAD + "\n".join(rows[code] for code in sorted(rows)) + "\n"


def _meaning(refusal: type[Refusal]) -> str:
    first, _, _ = (refusal.__doc__ or "").strip().partition("\n\n")
    return re.sub(r"\s+", " ", first).replace("|", "\\|")


if __name__ == "__main__":
    REFUSALS_PAGE.write_text(refusals_page(), encoding="utf-8")
