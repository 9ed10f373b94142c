"""The whole template on an emulator of AWS: deployed by SAM, called under /dev, from the first log-in to the door. `make test-aws`.

It takes minutes and leans on the emulator's ways, so that no change waits for it (docs/aws.md).
"""

import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import botocore.session
import httpx
import pytest

from bench.serve import free_port
from tests.aws.template import REGION

REPOSITORY: Final = Path(__file__).parents[2]
MINISTACK: Final = REPOSITORY / ".venv-ministack" / "bin" / "ministack"
SAM: Final = REPOSITORY / ".venv-aws" / "bin" / "sam"
MACHINES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}
VERSION: Final = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Emulator:
    """MiniStack, which runs functions as processes of this machine."""

    def __init__(self, port: int, folder: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TICKET_"))},
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LAMBDA_EXECUTOR": "local",
            "SAM_CLI_TELEMETRY": "0",
            "TMPDIR": folder,  # unpacked functions, 130 MB each, of which neither it nor SAM deletes any
        }

    def client(self, service: str) -> Any:
        """A client of one service."""
        return botocore.session.Session().create_client(
            service, REGION, endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test"
        )


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """It runs, and leaves neither processes nor files."""
    with tempfile.TemporaryDirectory(prefix="ticket-ministack-") as folder:
        emulated = Emulator(free_port(), folder)
        with (Path(folder) / "log").open("w") as log:
            running = subprocess.Popen(
                [MINISTACK], env=emulated.environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        try:
            _wait_for(f"{emulated.url}/_ministack/health", running)
            yield emulated
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def _wait_for(url: str, running: subprocess.Popen[bytes]) -> None:
    transport = httpx.HTTPTransport(retries=10)
    with httpx.Client(transport=transport, timeout=10) as client:
        assert client.get(url).status_code < 500
    assert running.poll() is None


@pytest.fixture(scope="session")
def built() -> None:
    """build/aws/function holds the package for this machine."""
    subprocess.run([REPOSITORY / "deploy/aws/build", MACHINES[platform.machine()], VERSION], check=True)


class Deployed:
    """A stack that stands, and a client of its API."""

    def __init__(self, emulator: Emulator, kind: str) -> None:
        self.name = f"ticket-{kind}"
        self._emulator = emulator
        parameters = {
            "ApiKind": kind,
            "Runtime": f"python{VERSION}",
            "Architecture": MACHINES[platform.machine()],
            "BaseUrl": "http://localhost",
            "RootPath": "/dev",
            "TestMode": "on",
        }
        command: list[str | Path] = [
            *(SAM, "deploy", "--template", REPOSITORY / "deploy/aws/template.yaml", "--stack-name", self.name),
            *("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--region", REGION, "--no-progressbar"),
            *("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())),
        ]
        ran = subprocess.run(command, env=emulator.environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        (stack,) = emulator.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        api_id = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}["ApiId"]
        host = {"Host": f"{api_id}.execute-api.localhost"}
        self.client = httpx.Client(base_url=f"{emulator.url}/dev", headers=host, timeout=60)

    @property
    def admin_password(self) -> str:
        """As the function knows it: the emulator does not look into Secrets Manager, but takes the reference itself."""
        function = self._emulator.client("lambda").get_function_configuration(FunctionName=f"{self.name}-http")
        return str(function["Environment"]["Variables"]["TICKET_ADMIN_PASSWORD"])

    def timer(self) -> Any:
        """What the timer answers when it is called."""
        answer = self._emulator.client("lambda").invoke(FunctionName=f"{self.name}-timer", Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()
        return answer["Payload"].read().decode()

    def made(self, path: str, body: Any = None, *, token: str = "", key: str = "") -> Any:
        """What a POST made."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None


@pytest.mark.parametrize("kind", ["http", "rest"])
def test_the_template_is_deployed_and_sells(emulator: Emulator, built: None, kind: str) -> None:
    stack = Deployed(emulator, kind)

    assert stack.client.get("/health/ready").json() == {"status": "ready", "wrong": []}
    login = {"email": "admin@ticket.localhost", "password": stack.admin_password}
    admin = stack.made("/v1/sessions", login)["token"]
    event = {
        "event_name": "Night of strings",
        "start_date_time": "2047-05-01T17:30:00Z",
        "end_date_time": "2047-05-01T20:00:00Z",
        "external_links": ["https://example.org"],
        "timezone": "Europe/Vienna",
        "currency": "EUR",
        "spread_sale": kind == "rest",
    }
    event_id = stack.made("/v1/events", event, token=admin)["event_id"]
    balcony = {"ticket_type": "Balcony", "price": {"amount": 2500, "currency": "EUR"}, "quantity": 50}
    type_id = stack.made(f"/v1/events/{event_id}/ticket-types", balcony, token=admin)["ticket_type_id"]
    stack.made(f"/v1/events/{event_id}/publish", token=admin)
    wish = {
        "event_id": event_id,
        "lines": [{"ticket_type_id": type_id, "quantity": 2}],
        "customer": {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"},
    }
    order = stack.made("/v1/orders", wish, key="order-1")
    path, access = f"/v1/orders/{order['order_id']}", order["access_token"]
    stack.made(f"{path}/payments", {"payment_method": "test"}, token=access, key="payment-1")
    headers = {"Authorization": f"Bearer {access}"}
    tickets = stack.client.get(f"{path}/admissions", headers=headers).json()["data"]
    scans = [
        stack.client.post(
            f"/v1/events/{event_id}/check-ins",
            json={"code": tickets[0]["code"], "scan_id": scan, "direction": "entry"},
            headers={"Authorization": f"Bearer {admin}"},
        )
        for scan in ("1", "2")
    ]
    paper = stack.client.get(f"{path}/tickets.pdf", headers=headers)
    found = stack.client.get("/v1/events?q=strings").json()["data"]
    page = stack.client.get("/")

    assert [scan.status_code for scan in scans] == [201, 409]
    assert paper.content.startswith(b"%PDF-")
    assert [each["event_id"] for each in found] == [event_id]
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
    assert links
    assert [link for link in links if not link.startswith("/dev/")] == []
    assert "holds" in stack.timer()
    stack.client.close()
