"""docs/refusals.md and the code say the same."""

from tests.support.documents import REFUSALS_PAGE, import_everything, refusals_page
from ticketing.base.errors import every_refusal


def test_the_page_of_refusals_is_the_one_that_the_code_makes() -> None:
    assert REFUSALS_PAGE.read_text(encoding="utf-8") == refusals_page(), "run: python -m tests.support.documents"


def test_no_code_has_two_meanings() -> None:
    import_everything()
    codes = [refusal.code for refusal in every_refusal() if refusal.__module__.startswith("ticketing.")]

    assert len(codes) == len(set(codes))
