"""Names that people give themselves, before they are said to others in our name."""

import re
from typing import Final

NAME_SAID_LENGTH_MAX: Final = 40
_SAYS_MORE: Final = re.compile(r"[/@:<>\[\]{}|\\]|www\.|\.[^\W\d_]{2,}", re.IGNORECASE)
"""What no name has, and an advertisement does: whoever acts in a stranger's name must not speak to the stranger through us."""


def said_name(name: str) -> str:
    """The name, where it is one; nothing where it may be something else."""
    return "" if len(name) > NAME_SAID_LENGTH_MAX or _SAYS_MORE.search(name) else name
