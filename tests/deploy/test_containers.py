"""Dockerfile and Compose files: whole by their own judges, with what a house needs and nothing that it does not.

No container is started here: the steps of the Dockerfile are commands, which `docs/operating.md` says were run by hand.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from ticketing.entry.config import BY_NAME, PREFIX, survey

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final = ("compose.yaml", "compose.postgres.yaml")
MACHINES: Final = ("x86_64", "aarch64")


def tool(name: str) -> str:
    """A program of the environment that runs the tests."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None, f"{name} is not installed: make install"
    return found


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def stages() -> list[str]:
    """What each FROM of the Dockerfile begins."""
    return re.split(r"(?m)^(?=FROM )", dockerfile())[1:]


def composed(name: str) -> Any:
    return YAML(typ="safe").load(ROOT / name)


# the image -----------------------------------------------------------------------------------------------------------


def test_the_dockerfile_is_as_its_judge_wants_it() -> None:
    judged = subprocess.run([tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)

    assert (judged.returncode, judged.stdout) == (0, "")


def test_the_image_runs_as_nobody_in_particular_and_not_as_root() -> None:
    assert re.findall(r"(?m)^USER (.*)$", stages()[-1]) == ["10001:10001"]


def test_ticket_itself_is_the_process_that_gets_the_signals() -> None:
    last = stages()[-1]

    assert re.findall(r"(?m)^(?:ENTRYPOINT|CMD|STOPSIGNAL) (.*)$", last) == ["SIGTERM", '["ticket"]', '["serve"]']


def test_the_last_stage_has_nothing_that_builds() -> None:
    first, last = stages()

    assert "uv sync" in first
    assert not re.search(r"apt-get|uv |pip install|gcc|curl|wget", last)


def test_both_stages_stand_on_the_same_python() -> None:
    assert len({re.findall(r"^FROM (\S+)", stage)[0] for stage in stages()}) == 1


def test_the_image_takes_the_uv_that_the_repository_takes() -> None:
    (wanted,) = re.findall(r"(?m)^UV_VERSION=(.*)$", (ROOT / ".ci" / "install").read_text(encoding="utf-8"))

    assert re.findall(r"uv==(\S+)", dockerfile()) == [wanted]


def test_what_the_image_sets_are_settings_that_can_be() -> None:
    given = dict(re.findall(r"(TICKET_[A-Z_]+)=(\S+)", stages()[-1]))

    found = survey(given, folder=Path("/nowhere"))

    assert (found.problems, found.config.notes) == ((), ())
    assert found.config.text("database_url") == "sqlite:////data/ticket.db"


def test_everything_that_the_image_copies_is_there_and_let_through() -> None:
    copied = {
        name for line in re.findall(r"(?m)^COPY (?!--)(.*)$", dockerfile()) for name in line.split()[:-1] if name != "."
    }
    let_through = set(re.findall(r"(?m)^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8")))

    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_library_has_a_wheel_for_the_images_python(machine: str) -> None:
    (version,) = set(re.findall(r"(?m)^FROM python:3\.(\d+)-", dockerfile()))
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    packages = {package["name"]: package for package in lock["package"]}

    without = [
        name
        for name in sorted(needed(packages))
        if not any(fits(wheel["url"], int(version), machine) for wheel in packages[name].get("wheels", []))
    ]

    assert without == []


def needed(packages: dict[str, Any]) -> set[str]:
    """Everything that Ticket and its extras need, on Linux."""
    ours = packages["ticketing"]
    waiting = [*ours.get("dependencies", [])]
    for extra in ours.get("optional-dependencies", {}).values():
        waiting += extra
    found: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name, marker = wanted["name"], wanted.get("marker", "")
        if name in found or re.search(r"sys_platform == '(win32|emscripten|darwin)'", marker):
            continue
        found.add(name)
        waiting += packages[name].get("dependencies", [])
        for extra in wanted.get("extra", []):
            waiting += packages[name]["optional-dependencies"][extra]
    return found


def fits(url: str, version: int, machine: str) -> bool:
    """Whether a wheel can be installed for CPython 3.`version` on this machine with glibc."""
    python, abi, platform = url.rsplit("/", 1)[1].removesuffix(".whl").split("-")[-3:]
    pure = platform == "any" or ("manylinux" in platform and machine in platform)
    stable = abi == "abi3" and any(int(number) <= version for number in re.findall(r"cp3(\d+)", python))
    return pure and (python in ("py3", "py2.py3") or f"cp3{version}" in python.split(".") or stable)


# compose -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_is_what_the_compose_specification_says(name: str) -> None:
    judged = subprocess.run(
        [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(ROOT / name)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_sets_only_settings_that_there_are(name: str) -> None:
    variables = {setting.variable for setting in BY_NAME.values()}

    for service in composed(name)["services"].values():
        named = [variable for variable in service.get("environment", {}) if variable.startswith(PREFIX)]
        assert set(named) <= variables


@pytest.mark.parametrize("name", COMPOSE)
def test_ticket_can_write_nothing_but_its_data_and_gain_nothing(name: str) -> None:
    services = composed(name)["services"]

    for service in (one for called, one in services.items() if called in ("ticket", "migrate")):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", COMPOSE)
def test_a_container_is_given_the_time_that_a_server_takes_to_stop(name: str) -> None:
    assert composed(name)["services"]["ticket"]["stop_grace_period"] == "30s"


def test_servers_on_postgresql_start_once_the_tables_are_there() -> None:
    services = composed("compose.postgres.yaml")["services"]

    assert services["ticket"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["command"] == ["migrate"]


def test_everything_that_compose_asks_for_stands_in_the_example_without_a_value() -> None:
    example = (ROOT / "deploy" / "compose.env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.postgres.yaml").read_text(encoding="utf-8")))
    given = dict(re.findall(r"(?m)^([A-Z_]+)=(.*)$", example))

    assert asked <= given.keys()
    assert set(given.values()) == {""}


@pytest.mark.parametrize("name", COMPOSE)
def test_no_secret_has_a_value_in_a_compose_file(name: str) -> None:
    secrets = {setting.variable for setting in BY_NAME.values() if setting.is_secret} | {"POSTGRES_PASSWORD"}

    for service in composed(name)["services"].values():
        for variable in secrets & service.get("environment", {}).keys():
            assert re.fullmatch(r"\$\{[A-Z_]+:[-?][a-z .]*\}", service["environment"][variable])
