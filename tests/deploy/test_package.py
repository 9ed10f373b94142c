"""The wheel: Ticket starts from it alone, where no clone of the repository is."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import httpx
import pytest

from bench.serve import serving

ROOT: Final = Path(__file__).parents[2]
BUILDS_FROM: Final = ("src", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, and nothing else of the repository."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in BUILDS_FROM:  # apart, since a build may leave something behind
        copied = ROOT / name
        if copied.is_dir():
            shutil.copytree(copied, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(copied, source / name)
    uv = Path(sys.executable).with_name("uv")
    command = [uv if uv.exists() else "uv", "build", "--wheel", "--quiet", "--out-dir", folder, source]
    certified = {
        "UV_SYSTEM_CERTS": "true"
    } | os.environ  # as .ci/install: the machine may know certificates that uv does not
    try:
        subprocess.run(command, env=certified, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"NO WHEEL COULD BE BUILT, so that none was tried: {getattr(error, 'stderr', None) or error}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "lib")
    return folder / "lib"


def environment(installed: Path) -> dict[str, str]:
    """The libraries of the tests, with the package of the wheel before the one of the repository."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TICKET_")}
    return ours | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_with_its_events_pages_languages_and_files(
    installed: Path, tmp_path: Path
) -> None:
    where = [sys.executable, "-c", "import ticketing; print(ticketing.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment(installed), capture_output=True, text=True, check=True)
    command = [sys.executable, "-m", "ticketing", "demo", "--port", "{port}"]
    with (
        serving(
            command, stderr_path=tmp_path / "output", environment=environment(installed), folder=tmp_path
        ) as server,
        httpx.Client(base_url=f"http://{server.host}:{server.port}") as client,
    ):
        events = client.get("/v1/events", params={"q": "philharmonic"}).json()["data"]
        page = client.get("/", headers={"Accept-Language": "de"})
        style = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        statuses = [client.get(path).status_code for path in (style, "/docs", "/sitemap.xml")]

    assert Path(found.stdout.strip()).is_relative_to(installed)
    assert events
    assert (page.headers["content-language"], "Veranstaltungen" in page.text) == ("de-DE", True)
    assert statuses == [200, 200, 200]


def test_an_empty_folder_is_made_a_house_by_the_tables_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "ticketing", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment(installed), capture_output=True, text=True, check=False
        )

    made = run("import", "worldcup")
    looked = run("doctor")

    assert (made.returncode, looked.returncode) == (0, 0), made.stderr + looked.stderr


def test_the_wheel_holds_every_file_of_the_package_the_licences_of_others_among_them(installed: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "src/ticketing"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")

    missing = [name for name in filter(None, tracked) if not (installed / Path(name).relative_to("src")).exists()]

    assert missing == []
    assert next(installed.glob("*.dist-info/licenses/LICENSE")).exists()
