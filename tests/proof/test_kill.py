"""A server that is killed in the middle of a sale, again and again, on one file: what it acknowledged is there, what it did not is
settled by asking again, and places, tickets and money add up."""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support.books import assert_sound
from tests.support.buyers import (
    Client,
    Sale,
    assert_acknowledged_are_there,
    assert_same_answers,
    sell_the_last,
    settle,
)
from tests.support.nursery import nursery, put_on_sale
from tests.support.processes import site

CLIENTS = 64
ROUNDS = int(os.environ.get("PROOF_ROUNDS", "30"))
SEED = int(os.environ.get("PROOF_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
STOCK = 6_000
HOLD_SECONDS = 2
REPEATED_EACH_ROUND = 60


@pytest.mark.slow
async def test_a_server_killed_in_the_middle_of_a_sale_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    print(f"PROOF_SEED={SEED} PROOF_ROUNDS={ROUNDS}")
    chance = random.Random(SEED)
    here = site(tmp_path / "here", test_mode="on", hold_seconds=str(HOLD_SECONDS))
    with nursery() as servers:
        born = await servers.serve(here)
        sale = Sale(await put_on_sale(born, quantity=STOCK, limit=1_000))
        clients = [Client(number, sale, random.Random(chance.random())) for number in range(CLIENTS)]
        lost = 0
        for _ in range(ROUNDS):
            seen = len(sale.intents)
            going_on = [asyncio.create_task(client.go_on(born.port)) for client in clients]
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            born.kill()
            await asyncio.gather(*going_on)
            born = await servers.serve(here)
            now = sale.intents[seen:]
            acknowledged = [intent for intent in now if intent.is_done and intent.ask.key is not None]
            unknown = [intent for intent in now if intent.reply is None]
            lost += len(unknown)
            await asyncio.gather(
                settle(unknown, born.port),
                assert_same_answers(
                    chance.sample(acknowledged, min(REPEATED_EACH_ROUND, len(acknowledged))), born.port
                ),
            )
            await asyncio.to_thread(assert_acknowledged_are_there, here, now)
            await asyncio.to_thread(assert_sound, here)
        await sell_the_last(here, born, sale, clients)
        await asyncio.to_thread(assert_acknowledged_are_there, here, sale.intents)
        await asyncio.to_thread(assert_sound, here)
        born.stop()
    done = Counter(intent.kind for intent in sale.intents if intent.is_done)
    print(f"{len(sale.intents)} requests, {lost} of them without an answer; acknowledged: {dict(done)}")
    assert lost > ROUNDS
    assert all(done[kind] > 0 for kind in ("order", "pay", "check_in", "cancel"))
