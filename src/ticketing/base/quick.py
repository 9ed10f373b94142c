"""Dataclasses that the type checker holds frozen and that cost little to make.

A frozen dataclass sets each field through `object.__setattr__`, ten times the cost of an assignment. A sale makes some twenty small
objects, so those that every sale makes are declared with this decorator, in a module that says

    if TYPE_CHECKING:
        from dataclasses import dataclass
    else:
        from ticketing.base.quick import dataclass

mypy then refuses every assignment to `@dataclass(frozen=True)` as ever; at run time nobody looks.
"""

import dataclasses
from collections.abc import Callable
from typing import Any


def dataclass(**options: Any) -> Callable[[type[Any]], type[Any]]:
    """`dataclasses.dataclass` with these options, hashable where `frozen` was asked for, and assignable all the same."""
    frozen = options.pop("frozen", False)
    return dataclasses.dataclass(**options, unsafe_hash=frozen)
