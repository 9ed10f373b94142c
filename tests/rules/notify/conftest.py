"""A sale, a post office in memory and the mail between them."""

import pytest

from tests.support.houses import Api, StandingClock, make_house
from tests.support.mails import KeepingPost, mail_over
from tests.support.sales import Till, kind, put_on_sale
from ticketing.entry.mail import Mail


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def till(clock: StandingClock) -> Till:
    house = make_house(clock=clock)
    return Till(Api(house), await put_on_sale(house, kind("Balcony"), kind("Free", price=0), event_name="Spring Gala"))


@pytest.fixture
def post() -> KeepingPost:
    return KeepingPost()


@pytest.fixture
def mail(till: Till, post: KeepingPost) -> Mail:
    return mail_over(till.api.house, post)
