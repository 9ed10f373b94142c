"""The template for AWS: its tables are those of the code, its functions may do what they do, and its settings are settings."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.aws.shapes import SHAPES, Context, Shape, http_2, response_of, rest
from tests.aws.template import STACK, Template
from tests.support.aws_tables import TEMPLATE, TIMER_READS, TIMER_WRITES, written
from tests.support.dynamo import REGION, needed_endpoint
from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.mails import KeepingPost, mail_over
from tests.support.sales import Till, kind, put_on_sale
from ticketing.accounts.model import UserType
from ticketing.base.changes import Change
from ticketing.base.house import House
from ticketing.base.store import ALL, Page, Range, Store
from ticketing.base.tables import Index, Key, Record, Table
from ticketing.entry.aws import Invocations
from ticketing.entry.config import BY_NAME, read_config
from ticketing.entry.jobs import LEASE_LASTS, jobs_of
from ticketing.entry.lambda_http import HttpHandler
from ticketing.entry.lambda_timer import TimerHandler
from ticketing.entry.secret import refuse_other_secret
from ticketing.site.app import build_app
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.dynamo.driver import BotoDriver
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.schema import DYNAMO_TABLES
from ticketing.storage.dynamo.tables import verify_tables
from ticketing.storage.memory import MemoryStore

KINDS = ({"ApiKind": "http"}, {"ApiKind": "rest"})


def test_the_tables_of_the_template_are_those_of_the_code() -> None:
    template = TEMPLATE.read_text("utf-8")

    assert written(template) == template, "run: python -m tests.support.aws_tables"


def test_every_table_can_be_brought_back_and_outlives_the_stack() -> None:
    resources = Template().document["Resources"].values()
    tables = [resource for resource in resources if resource["Type"] == "AWS::DynamoDB::Table"]

    assert len(tables) == len(DYNAMO_TABLES)
    for table in tables:
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_tables_of_production_cannot_be_deleted_by_mistake() -> None:
    protected = {
        stage: {
            table["DeletionProtectionEnabled"]
            for table in Template(Stage=stage).resources("AWS::DynamoDB::Table").values()
        }
        for stage in ("dev", "prod")
    }

    assert protected == {"dev": {False}, "prod": {True}}


# settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["HttpFunction", "TimerFunction"])
@pytest.mark.parametrize("parameters", KINDS)
def test_what_the_template_sets_are_settings_that_are_sound(
    function: str, parameters: dict[str, str], tmp_path: Path
) -> None:
    environment = Template(**parameters).environment(function)
    own_secret = {"TICKET_SECRET": "s3cr3t" * 10 + "abcd"}

    config = read_config(environment | own_secret, folder=tmp_path)

    assert set(environment) <= {setting.variable for setting in BY_NAME.values()}
    assert config.text("root_path") == "/dev"
    assert config.base_url.startswith("https://")
    assert config.text("database_url").endswith(f"/{STACK}-?tables=given")


def test_a_domain_of_ones_own_has_no_stage() -> None:
    own = Template(BaseUrl="https://tickets.example.org").environment("HttpFunction")
    mapped = Template(BaseUrl="https://example.org", RootPath="/tickets").environment("HttpFunction")

    assert (own["TICKET_BASE_URL"], own["TICKET_ROOT_PATH"]) == ("https://tickets.example.org", "")
    assert mapped["TICKET_ROOT_PATH"] == "/tickets"


def test_secrets_come_from_secrets_manager_and_only_the_function_that_needs_it_knows_the_password() -> None:
    http, timer = (Template().environment(name) for name in ("HttpFunction", "TimerFunction"))

    assert http["TICKET_SECRET"] == timer["TICKET_SECRET"] == "{{resolve:secretsmanager:<MasterSecret>:SecretString}}"
    assert http["TICKET_ADMIN_PASSWORD"] == "{{resolve:secretsmanager:<AdminPassword>:SecretString}}"
    assert "TICKET_ADMIN_PASSWORD" not in timer


def test_no_stage_is_the_beginning_of_a_route() -> None:
    stages = Template().document["Parameters"]["Stage"]["AllowedValues"]
    described = build_app(make_house()).openapi()["paths"]

    assert {path.split("/")[1] for path in described}.isdisjoint(stages)


# functions -----------------------------------------------------------------------------------------------------------


def test_handlers_are_functions_that_exist() -> None:
    for function in Template().resources("AWS::Serverless::Function").values():
        module, _, name = function["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_timer_ends_before_the_lease_of_its_job_and_a_request_before_api_gateway_gives_up() -> None:
    functions = Template().resources("AWS::Serverless::Function")

    assert functions["TimerFunction"]["Timeout"] < LEASE_LASTS.total_seconds()
    assert functions["HttpFunction"]["Timeout"] < 30


def test_roles_name_what_they_allow() -> None:
    for role in Template().resources("AWS::IAM::Role").values():
        statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
        assert statements
        for statement in statements:
            assert [action for action in statement["Action"] if "*" in action] == []
            resources = statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                assert resource.startswith("<")


@pytest.mark.parametrize("parameters", KINDS)
def test_one_kind_of_api_is_made_and_nobody_else_may_call(parameters: dict[str, str]) -> None:
    template = Template(**parameters)
    apis = template.resources("AWS::ApiGatewayV2::Api") | template.resources("AWS::ApiGateway::RestApi")
    callers = [each["Principal"] for each in template.resources("AWS::Lambda::Permission").values()]

    assert len(apis) == 1
    assert sorted(callers) == ["apigateway.amazonaws.com", "events.amazonaws.com"]


class Watching:
    """A store that remembers which tables were read and which written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read: set[str] = set()
        self.written: set[str] = set()

    async def get(self, table: Table, key: Key) -> Record | None:
        self.read.add(table.name)
        return await self._store.get(table, key)

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        self.read.add(table.name)
        return await self._store.get_many(table, keys)

    async def query(
        self,
        index: Index,
        value: str,
        *,
        within: Range = ALL,
        limit: int = 20,
        cursor: str | None = None,
        descending: bool = False,
    ) -> Page:
        self.read.add(index.table)
        return await self._store.query(index, value, within=within, limit=limit, cursor=cursor, descending=descending)

    async def commit(self, changes: Sequence[Change]) -> None:
        self.written |= {change.table.name for change in changes}
        await self._store.commit(changes)

    def scan(self, table: Table) -> AsyncIterator[Record]:
        raise AssertionError("no function may scan a table")


@pytest.fixture
def invocations() -> Iterator[Invocations]:
    runner = Invocations()
    yield runner
    runner.close()


def test_the_timer_may_read_and_write_the_tables_of_its_jobs_and_no_others(invocations: Invocations) -> None:
    store = MemoryStore()
    clock = StandingClock()
    house = make_house(store, clock=clock, sends_mail=True)
    post = KeepingPost()

    async def happen() -> None:
        api = Api(house)
        organizer = await sign_up(house, "olga", UserType.ORGANIZER)
        at = {"venue_name": "Konzerthaus", "timezone": "Europe/Vienna"}
        venue_id = (await api.post("/v1/venues", at, token=organizer)).json()["venue_id"]
        sale = await put_on_sale(house, kind(quantity=5), organizer=organizer, venue_id=venue_id, capacity=10)
        till = Till(api, sale)
        await till.held(1)
        await till.promised(await till.held(1))
        await till.refund(await till.sold(2), reason="Asked for by the customer.")
        clock.move(seconds=house.settings.hold_seconds + 1)
        link = await api.post("/v1/sessions/link", {"email": "olga@example.org"})
        assert link.status_code == 202, link.text

    invocations.run(happen(), seconds=10)
    watching = Watching(store)
    watched = make_house(watching, clock=clock, sends_mail=True)
    jobs = jobs_of(watched, None, mail_over(watched, post))

    invocations.run(refuse_other_secret(watched), seconds=5)
    done = TimerHandler(watched, jobs, invocations)({}, Context())

    assert done["holds"] == 1
    assert len(post.letters) == 4  # how to pay, the tickets, the refund, the link
    assert watching.written == {table.name for table in TIMER_WRITES}
    assert watching.read - watching.written == {table.name for table in TIMER_READS}


# tables of the template, and a purchase on them ----------------------------------------------------------------------


@pytest.fixture
def deployed() -> Iterator[Store]:
    """A store on tables that were made of the template, on a real engine."""
    driver = BotoDriver(region=REGION, endpoint=needed_endpoint())
    tables = Template().resources("AWS::DynamoDB::Table").values()
    for table in tables:
        beside = {
            "TimeToLiveSpecification",
            "PointInTimeRecoverySpecification",
            "DeletionProtectionEnabled",
        }
        driver.call("CreateTable", {name: value for name, value in table.items() if name not in beside})
        if "TimeToLiveSpecification" in table:
            expiry = {"TableName": table["TableName"], "TimeToLiveSpecification": table["TimeToLiveSpecification"]}
            driver.call("UpdateTimeToLive", expiry)
    verify_tables(driver, f"{STACK}-")
    store = CoalescedStore(DynamoEngine(driver, DYNAMO_TABLES, prefix=f"{STACK}-"))
    try:
        yield store
    finally:
        for table in tables:
            driver.call("DeleteTable", {"TableName": table["TableName"]})
        asyncio.run(store.close())


class Buyer:
    """Asks the function behind API Gateway."""

    def __init__(self, house: House, shape: Shape, invocations: Invocations) -> None:
        self._handler = HttpHandler(build_app(house), invocations, root_path="/dev")
        self._shape = shape

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "", key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        request = httpx.Request(method, f"https://tickets.example{path}", json=body, headers=headers)
        return response_of(self._handler(self._shape(request), Context()), request)


@pytest.mark.parametrize(
    "shape", [rest, http_2], ids=lambda shape: next(name for name, each in SHAPES.items() if each is shape)
)
def test_a_person_buys_and_is_let_in_once_on_tables_of_the_template(
    deployed: Store, shape: Shape, invocations: Invocations
) -> None:
    house = make_house(deployed, root_path="/dev", base_url="https://tickets.example")
    olga = invocations.run(sign_up(house, "olga", UserType.ORGANIZER), seconds=10)
    event = {
        "event_name": "Night of strings",
        "start_date_time": "2027-05-01T17:30:00Z",
        "end_date_time": "2027-05-01T20:00:00Z",
        "external_links": ["https://example.org"],
        "timezone": "Europe/Vienna",
        "currency": "EUR",
        "capacity": 100,
    }
    balcony = {"ticket_type": "Balcony", "price": {"amount": 2500, "currency": "EUR"}, "quantity": 50}
    ask = Buyer(house, shape, invocations).ask

    made = ask("POST", "/v1/events", event, token=olga)
    assert made.status_code == 201, made.text
    path = made.headers["location"].removeprefix("/dev")
    ask("POST", f"{path}/ticket-types", balcony, token=olga)
    ask("POST", f"{path}/publish", token=olga)
    (found,) = ask("GET", "/v1/events?q=strings").json()["data"]
    (offered,) = ask("GET", f"/v1/events/{found['event_id']}/ticket-types").json()["data"]
    wish = {
        "event_id": found["event_id"],
        "lines": [{"ticket_type_id": offered["ticket_type_id"], "quantity": 2}],
        "customer": {"email": "ada@example.org"},
    }
    order = ask("POST", "/v1/orders", wish, key="order-1")
    again = ask("POST", "/v1/orders", wish, key="order-1")
    access = order.json()["access_token"]
    order_path = order.headers["location"].removeprefix("/dev")
    paid = ask("POST", f"{order_path}/payments", {"payment_method": "test"}, token=access, key="payment-1")
    tickets = ask("GET", f"{order_path}/admissions", token=access).json()["data"]
    scans = [
        ask("POST", f"{path}/check-ins", {"code": ticket["code"], "scan_id": scan, "direction": "entry"}, token=olga)
        for ticket, scan in ((tickets[0], "1"), (tickets[0], "2"), (tickets[1], "3"))
    ]
    left = ask("GET", f"/v1/ticket-types/{offered['ticket_type_id']}").json()["quantity_available"]

    assert (order.status_code, again.status_code, paid.status_code, left) == (201, 201, 201, 48)
    assert again.json()["order_id"] == order.json()["order_id"]
    assert [scan.status_code for scan in scans] == [201, 409, 201]
    assert scans[1].json()["code"] == "already_in"
