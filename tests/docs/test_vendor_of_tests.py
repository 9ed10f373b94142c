"""What others wrote and tests use is as it came: its hash, its version and its licence are held."""

import hashlib
import tomllib
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "support" / "vendor"


def test_what_tests_use_is_as_it_came() -> None:
    packages = tomllib.loads((VENDOR / "vendor.toml").read_text())["package"]

    held = {f"{each['folder']}/{name}": digest for each in packages for name, digest in each["sha256"].items()}
    there = {
        path.relative_to(VENDOR).as_posix(): path
        for path in VENDOR.rglob("*")
        if path.parent != VENDOR and path.is_file()
    }
    assert held == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    assert all(each["licence_file"] in each["sha256"] for each in packages)
