"""What nobody should send, sent to every route: it is refused with a problem document, and nothing breaks."""

import gzip
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.faces.test_owners import MATRIX
from tests.support.houses import Api, make_house
from tests.support.processes import Served, site
from tests.support.sales import fresh_key
from tests.support.world import ADMIN, OTHER_ORGANIZER, TOKEN, Case, World, filled, placed, token_of, world
from ticketing.site.description import KEY_REQUIRED, KEY_TAKEN

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
DEPTH = 10_000
LONG = "x" * 20_000

WITH_BODY = tuple(case for case in MATRIX if case.body is not None)

BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "white space": b"  \n",
    "not JSON": b"event_name=Concert",
    "cut off": b'{"event_name": "Con',
    "two documents": b"{} {}",
    "not UTF-8": b'{"event_name": "\xff\xfe"}',
    "UTF-16": '{"event_name": "Concert"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"event_name": "Concert"}',
    "gzip": gzip.compress(b'{"event_name": "Concert"}'),
    "NaN": b"NaN",
    "a field that is NaN": b'{"quantity": NaN}',
    "infinity": b'{"quantity": -Infinity}',
    "a number without an end": b'{"quantity": 1' + b"0" * 5_000 + b"}",
    "1e400": b'{"quantity": 1e400}',
    "lists in lists": b"[" * DEPTH + b"]" * DEPTH,
    "objects in objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "lists without an end": b"[" * DEPTH,
    "null": b"null",
    "true": b"true",
    "a number": b"17",
    "a text": b'"Concert"',
    "a list": b"[]",
    "a list of objects": b"[{}]",
    "an unknown field": b'{"is_admin": true}',
    "a name of nothing": b'{"": 1}',
    "a name that is NUL": b'{"\\u0000": 1}',
    "__proto__": b'{"__proto__": {"is_admin": true}}',
}
"""Bodies that mean nothing to any route."""

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    10**400,
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202e\u200b",
    "٣",
    "1e3",
    "0x10",
    "2027-02-30T25:61:61Z",
    "9999-12-31T23:59:59-23:59",
    "0000-00-00T00:00:00Z",
    "../../etc/passwd",
    "{a.__class__}",
    "{{7*7}}",
    "' or 1=1 --",
    "<script>alert(1)</script>",
    LONG,
    [],
    {},
    [[]],
    [None],
    [LONG],
    list(range(1_000)),
    {"amount": -1, "currency": "EUR"},
    {"amount": 2**63, "currency": "EUR"},
    {"amount": 1, "currency": "XXX\x00"},
    {"$gt": ""},
)
"""What no field, or hardly any, can be."""


@pytest.fixture(scope="module")
async def there() -> World:
    return await world()


async def sent(
    there: World, case: Case, content: bytes, *, headers: Mapping[str, str] | None = None, caller: str | None = None
) -> httpx.Response:
    """The answer to these bytes, from somebody who may use the route. The world is as it was before, and afterwards too."""
    method, path = placed(there, case)
    token = token_of(there, case, caller or (ADMIN if ADMIN in case.may else TOKEN))
    given_headers = {"Content-Type": "application/json", "Idempotency-Key": fresh_key()} | dict(headers or {})
    if token is not None:
        given_headers["Authorization"] = f"Bearer {token}"
    async with client_of(there.api) as client:
        answer = await client.request(method, path, content=content, headers=given_headers)
    if answer.status_code < 400:  # a refusal changes nothing
        there.store.rewind()
    return answer


@asynccontextmanager
async def client_of(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends what it is told to."""
    transport = httpx.ASGITransport(app=api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=api.house.settings.base_url) as client:
        yield client


def assert_refused(answer: httpx.Response, what: object) -> None:
    """Nothing, where the answer is a refusal as all are."""
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:300])
    assert_problem(answer, what)


def assert_problem(answer: httpx.Response, what: object) -> None:
    """Nothing, where a refusal is a whole problem document."""
    assert answer.headers["content-type"] == "application/problem+json", what
    problem = answer.json()
    assert problem["status"] == answer.status_code, what
    assert {"type", "title", "detail", "instance", "code"} <= problem.keys(), what
    assert problem["code"] != "internal", what


def test_every_route_that_takes_a_body_is_tried() -> None:
    document = Api(make_house()).app.openapi()
    taking = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }

    # These take a secret, which everybody sends without credentials; test_accounts and test_links try them.
    by_secret = {
        "POST /v1/sessions",
        "POST /v1/sessions/link/use",
        "POST /v1/password-reset/use",
        "POST /v1/users/me/email-proof/use",
    }
    assert {case.route for case in WITH_BODY} | by_secret == taking


# whole bodies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", WITH_BODY, ids=str)
async def test_a_body_that_means_nothing_is_refused(there: World, case: Case) -> None:
    for name, content in BODIES.items():
        assert_refused(await sent(there, case, content), name)


@pytest.mark.parametrize("case", WITH_BODY, ids=str)
async def test_a_body_in_which_a_name_stands_twice_is_refused(there: World, case: Case) -> None:
    body = filled(there, case.body)
    for name, value in (body or {"reason": "twice"}).items():
        first = json.dumps({name: value})[:-1]
        rest = json.dumps(body)[1:] if body else f"{json.dumps(name)}: 1}}"
        assert_refused(await sent(there, case, f"{first}, {rest}".encode()), name)


async def test_a_name_that_stands_twice_deep_inside_or_written_otherwise_is_refused_too(there: World) -> None:
    case = next(case for case in MATRIX if case.route == "POST /v1/orders")
    body = json.dumps(filled(there, case.body))

    for harm in (
        body.replace('"quantity": 1', '"quantity": 2, "quantity": 1'),
        body.replace('"quantity": 1', '"quantit\\u0079": 2, "quantity": 1'),
        body.replace('"email"', '"email": "eve@example.org", "email"'),
    ):
        assert harm != body
        assert_refused(await sent(there, case, harm.encode()), harm)


async def test_quotes_inside_of_texts_are_no_names(there: World) -> None:
    case = next(case for case in MATRIX if case.route == "POST /v1/orders")
    body = filled(there, case.body)
    body["customer"] = body["customer"] | {"first_name": 'Ada "event_id": \\ "quantity"', "last_name": "lines"}

    answer = await sent(there, case, json.dumps(body).encode())

    assert (answer.status_code, answer.json()["customer"]["first_name"]) == (201, body["customer"]["first_name"])


@pytest.mark.parametrize("case", WITH_BODY, ids=str)
async def test_a_body_that_is_packed_or_of_another_kind_is_refused(there: World, case: Case) -> None:
    content = json.dumps(filled(there, case.body)).encode()
    packed = {"Content-Encoding": "gzip"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert_refused(await sent(there, case, gzip.compress(content), headers=packed), "gzip")
    assert_refused(await sent(there, case, content, headers=form), "a form")


@pytest.mark.parametrize("case", [case for case in MATRIX if case.body is None and "GET" not in case.route], ids=str)
async def test_a_body_where_none_is_wanted_breaks_nothing(there: World, case: Case) -> None:
    for name, content in BODIES.items():
        answer = await sent(there, case, content)
        assert answer.status_code < 500, (name, answer.text[:300])


# fields --------------------------------------------------------------------------------------------------------------


def harmed(body: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """The body with one field, at whatever depth, replaced by the value."""
    match body:
        case dict():
            for name, inner in body.items():
                yield f"/{name}", body | {name: value}
                for pointer, changed in harmed(inner, value):
                    yield f"/{name}{pointer}", body | {name: changed}
        case list():
            for place, inner in enumerate(body):
                for pointer, changed in harmed(inner, value):
                    yield f"/{place}{pointer}", [*body[:place], changed, *body[place + 1 :]]


@pytest.mark.parametrize("case", [case for case in WITH_BODY if case.route != "POST /v1/users"], ids=str)
async def test_no_value_of_a_field_breaks_a_route(there: World, case: Case) -> None:
    for value in VALUES:
        for pointer, body in harmed(filled(there, case.body), value):
            content = json.dumps(body).encode()
            answer = await sent(there, case, content)
            what = (pointer, str(value)[:40])
            assert answer.status_code < 500, (what, answer.text[:300])
            if answer.status_code >= 400:
                assert_problem(answer, what)


async def test_what_a_client_may_not_decide_is_refused(there: World) -> None:
    for case in WITH_BODY:
        for name in (
            "user_id",
            "organizer_user_id",
            "owner_user_id",
            "payment_status",
            "total_amount",
            "version",
            "_id",
        ):
            if name in case.body:
                continue
            body = filled(there, case.body) | {name: 1}
            answer = await sent(there, case, json.dumps(body).encode())
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), (case.route, name)


# headers, paths, queries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in MATRIX if case.route.startswith("POST")], ids=str)
async def test_a_key_that_is_none_is_refused_where_the_document_says_that_keys_are_taken(
    there: World, case: Case
) -> None:
    content = b"" if case.body is None else json.dumps(filled(there, case.body)).encode()
    path = case.route.partition(" ")[2]

    answer = await sent(there, case, content, headers={"Idempotency-Key": "k" * 256})

    taken = (answer.status_code, answer.json().get("code")) == (400, "idempotency_key_bad")
    assert taken == (path in KEY_REQUIRED | KEY_TAKEN)


@pytest.mark.parametrize("case", [case for case in MATRIX if case.route.startswith("POST")], ids=str)
async def test_a_key_is_missing_only_where_the_document_says_that_it_has_to_be_there(there: World, case: Case) -> None:
    method, path = placed(there, case)
    token = token_of(there, case, ADMIN if ADMIN in case.may else TOKEN)

    answer = await there.api.call(method, path, filled(there, case.body), token=token)
    there.store.rewind()

    missing = answer.json().get("code") == "idempotency_key_missing"
    assert missing == (case.route.partition(" ")[2] in KEY_REQUIRED)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Basic YWRhOmFkYQ==",
        "Bearer ses_.",
        "Bearer ses_x.\xff",
        "Bearer oat_",
        "Bearer tk_" + "x" * 5_000,
        "bearer  dev_a.b.c",
        "Bearer ses_01.' or 1=1 --",
    ],
)
async def test_credentials_that_are_none_are_refused(there: World, header: str) -> None:
    async with client_of(there.api) as client:
        answer = await client.get("/v1/users/me", headers={b"Authorization": header.encode("latin-1")})

    assert answer.status_code in (401, 404)
    assert_problem(answer, header)


@pytest.mark.parametrize(
    "thing", ["%00", "%ff", "..%2f..%2fetc", "a" * 3_000, "%F0%9F%8E%9F", "evt_" + "z" * 26, " ", "%22"]
)
async def test_ids_that_are_none_are_not_found(there: World, thing: str) -> None:
    document = there.api.app.openapi()
    async with client_of(there.api) as client:
        for path, methods in document["paths"].items():
            if "{" not in path or "get" not in methods:
                continue
            before, _, rest = path.partition("{")
            url = f"{before}{thing}{rest.partition('}')[2]}"
            answer = await client.get(url, headers={"Authorization": f"Bearer {there.tokens[ADMIN]}"})
            assert answer.status_code in (404, 422), (url[:80], answer.text[:200])
            assert_problem(answer, url[:80])


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=1e3",
        "limit=%D9%A3",
        "limit=99999999999999999999",
        "cursor=%00",
        "cursor=" + "A" * 5_000,
        "cursor=AAAA",
        "cursor=%F0%9F%8E%9F",
    ],
)
async def test_pages_that_are_none_are_refused_by_every_list(there: World, query: str) -> None:
    document = there.api.app.openapi()
    for case in MATRIX:
        operation = document["paths"][case.route.partition(" ")[2]].get("get", {})
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if not case.route.startswith("GET") or query.partition("=")[0] not in names:
            continue
        _, path = placed(there, case)
        caller = ADMIN if ADMIN in case.may else OTHER_ORGANIZER
        answer = await there.api.get(f"{path}?{query}", token=token_of(there, case, caller))
        assert_refused(answer, path)


# generated -----------------------------------------------------------------------------------------------------------

load_all_checks()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def things_of(served: Served) -> dict[str, str]:
    """Real ids for every parameter of a path, all of the admin's."""
    with served.admin() as admin:

        def made(path: str, body: Any) -> dict[str, Any]:
            answer = admin.post(path, json=body, headers={"Idempotency-Key": fresh_key()})
            assert answer.status_code == 201, answer.text
            return dict(answer.json())

        offer = served.on_sale(quantity=1_000, price=2500)
        lines = [{"ticket_type_id": offer["ticket_type_id"], "quantity": 2}]
        order = made("/v1/orders", {"event_id": offer["event_id"], "lines": lines})
        path = f"/v1/orders/{order['order_id']}"
        payment = made(f"{path}/payments", {"payment_method": "test"})
        refund = made(f"{path}/refunds", {"amount": {"amount": 100, "currency": "EUR"}})
        return {
            **offer,
            "order_id": order["order_id"],
            "payment_id": payment["payment_id"],
            "refund_id": refund["refund_id"],
            "admission_id": admin.get(f"{path}/admissions").json()["data"][0]["admission_id"],
            "transfer_id": "trf_01kb3m8zs4h0t2n5v8x1c4f7jq",  # well formed, of nobody: a real one would hand the ticket on
            "venue_id": made("/v1/venues", {"venue_name": "Hall", "timezone": "Europe/Vienna"})["venue_id"],
            "category_id": made("/v1/categories", {"category_name": "Fuzz"})["category_id"],
            "device_id": made(f"/v1/events/{offer['event_id']}/devices", {"name": "North"})["device_id"],
            "api_key_id": made("/v1/api-keys", {"name": "till", "scopes": ["read"]})["api_key_id"],
            "session_id": "ses_01kb3m8zs4h0t2n5v8x1c4f7jq",  # of nobody: a real one would end the requests that come after
            "user_id": made("/v1/users", {"email": "ray@example.org", "password": "a wet week in Wales"})["user_id"],
        }


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_generated_requests_to_every_route_are_answered_as_the_document_says(tmp_path: Path) -> None:
    here = site(tmp_path / "here", test_mode="on")
    answered: dict[int, int] = {}
    with here.served() as served:
        things = things_of(served)
        with served.admin() as admin:
            authorization = admin.headers["Authorization"]
        schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
        operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
        operations.sort(key=lambda operation: ("get", "patch", "post", "delete").index(operation.method.lower()))
        for operation in operations:
            has_parts = bool(operation.body or operation.query)
            modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE) if has_parts else (GenerationMode.POSITIVE,)
            for mode in modes:

                @settings(
                    max_examples=EXAMPLES,
                    derandomize=True,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(case=operation.as_strategy(generation_mode=mode))
                def try_one(case: Any) -> None:
                    for name in case.path_parameters or {}:
                        case.path_parameters[name] = things[name]
                    if isinstance(case.body, dict):
                        case.body.update({name: things[name] for name in case.body.keys() & things.keys()})
                    ends_session = (
                        case.operation.path in ("/v1/sessions", "/v1/sessions/current") and case.method == "DELETE"
                    )
                    response = case.call(headers={} if ends_session else {"Authorization": authorization})
                    answered[response.status_code] = answered.get(response.status_code, 0) + 1
                    case.validate_response(response, checks=CHECKS)

                try_one()
    assert here.run("doctor").returncode == 0
    assert answered.get(200, 0) + answered.get(201, 0) > len(operations)
    assert answered.get(422, 0) > 0
    assert "Traceback" not in here.output.read_text()
