"""What the OpenAPI document says beyond what the routes say of themselves: refusals, idempotency keys, tokens, the hot route's body."""

from typing import Any, Final

from ticketing.base.bounds import IDEMPOTENCY_KEY_LENGTH_MAX
from ticketing.sales.api.shown import OrderBody
from ticketing.web.replies import PROBLEM_JSON

KEY_REQUIRED: Final = frozenset(
    {
        "/v1/orders",
        "/v1/orders/{order_id}/payments",
        "/v1/orders/{order_id}/refunds",
        "/v1/orders/{order_id}/cancellations",
    }
)
"""What a POST there does cannot be found again without its key: it has to have one."""
KEY_TAKEN: Final = frozenset(
    {
        "/v1/users",
        "/v1/users/me/organizer",
        "/v1/api-keys",
        "/v1/venues",
        "/v1/categories",
        "/v1/events",
        "/v1/events/{event_id}/publish",
        "/v1/events/{event_id}/postpone",
        "/v1/events/{event_id}/cancel",
        "/v1/events/{event_id}/ticket-types",
        "/v1/events/{event_id}/devices",
        "/v1/orders/{order_id}/extend",
        "/v1/orders/{order_id}/cancel",
        "/v1/orders/{order_id}/resend",
        "/v1/payments/{payment_id}/confirm",
        "/v1/refunds/{refund_id}/confirm",
        "/v1/admissions/{admission_id}/transfer",
        "/v1/transfers/{transfer_id}/withdraw",
        "/v1/transfers/{transfer_id}/accept",
        "/v1/transfers/{transfer_id}/decline",
    }
)
"""POST there may have one."""

PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal (RFC 9457). `/docs/refusals` lists every `code`; some carry further facts.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string", "examples": ["sold_out"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "examples": ["/lines/0/quantity"]},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_PROBLEM_CONTENT: Final = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document, changed in place, with all of this; one that has it already stays as it is."""
    schemas = document["components"]["schemas"]
    if "Problem" in schemas:
        return document
    model = OrderBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(model.pop("$defs", {}))
    schemas["OrderBody"] = model
    schemas["Problem"] = PROBLEM
    document["components"]["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A session's token, an API key, a door device's token, or an order's `access_token`.",
        }
    }
    document["security"] = [{}, {"token": []}]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _describe_refusals(operation["responses"])
            if method == "post" and path in KEY_REQUIRED | KEY_TAKEN:
                operation.setdefault("parameters", []).append(_key_parameter(required=path in KEY_REQUIRED))
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own, which is never sent
        schemas.pop(name, None)
    return document


def _describe_refusals(responses: dict[str, Any]) -> None:
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status, response in responses.items():
        if status >= "400" and "content" not in response:
            response["content"] = _PROBLEM_CONTENT
    responses["default"] = {"description": "A refusal", "content": _PROBLEM_CONTENT}


def _key_parameter(*, required: bool) -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": required,
        "description": "A fresh random value for each new attempt. The same request again under the same key finds its first answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_LENGTH_MAX, "pattern": "^[ -~]+$"},
    }
