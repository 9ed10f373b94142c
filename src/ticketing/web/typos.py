"""E-mail addresses that look mistyped: a ticket that goes to gmial.com is seen by nobody."""

from typing import Final

_DOMAINS: Final = (
    "gmail.com googlemail.com hotmail.com hotmail.co.uk outlook.com outlook.de live.com msn.com yahoo.com yahoo.co.uk yahoo.de icloud.com "
    "me.com aol.com gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de posteo.de mailbox.org proton.me protonmail.com "
    "bluewin.ch aon.at orange.fr free.fr wanadoo.fr libero.it"
).split()
"""Where most people have their mail. Of two that are close to each other neither is taken for a slip of the other."""


def likely_address(email: str) -> str | None:
    """The address that was probably meant, where the domain is one slip away from a common one; None where it looks right."""
    local, _, domain = email.rpartition("@")
    lowered = domain.lower()
    if lowered in _DOMAINS:
        return None
    near = [each for each in _DOMAINS if _is_one_slip_away(lowered, each)]
    return f"{local}@{near[0]}" if len(near) == 1 else None


def _is_one_slip_away(typed: str, meant: str) -> bool:
    """Whether one letter is missing, too many or wrong, or two neighbours are swapped."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    start = 0
    while start < min(len(typed), len(meant)) and typed[start] == meant[start]:
        start += 1
    rest, other = typed[start:], meant[start:]
    if len(rest) == len(other):
        swapped = rest[:2] == other[1::-1] and rest[2:] == other[2:]
        return swapped or rest[1:] == other[1:]
    return rest[1:] == other if len(rest) > len(other) else rest == other[1:]
