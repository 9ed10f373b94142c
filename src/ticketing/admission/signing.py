"""The signer of a house's ticket codes, made once for each master secret."""

from functools import lru_cache

from ticketing.admission.codes import Signer
from ticketing.admission.model import Admission
from ticketing.base.house import Keys


def signer_of(keys: Keys) -> Signer:
    """The signer that works with this house's master secret."""
    return _signer(keys.master)


@lru_cache(maxsize=8)
def _signer(master: bytes) -> Signer:
    return Signer(master)


def human_code_of(keys: Keys, admission_id: str, generation: int) -> str:
    """The code that people read out for this generation of an admission."""
    return signer_of(keys).human_code(admission_id, generation=generation)


def code_of(keys: Keys, admission: Admission) -> str | None:
    """The code that opens the door to this admission; None for a void one, so that all its channels die together."""
    if admission.is_void:
        return None
    return signer_of(keys).sign(
        event_id=admission.event_id, admission_id=admission.admission_id, generation=admission.generation
    )
