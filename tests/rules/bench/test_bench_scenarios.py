"""The houses that scenarios are measured in are sound, and their verdicts are told from what was answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import crowded, history
from bench.load import LOST, Answer
from bench.outcome import Figure, Outcome, Table, block, brief_block, figures_table, write_outcome
from bench.report import Machine, Provenance
from bench.scenarios import cold_start, dynamodb, memory
from bench.scenarios.sold_out import ending_of
from bench.stage import Stage, begin, order_one

ORIGIN = Provenance(
    machine=Machine(cores=2, processor="a processor", memory_bytes=2**34, kernel="Linux 6", python="3.11.7"),
    commit="0123456789ab",
    measured_at="2026-06-11T19:00:00+00:00",
    command="python -m bench",
)


def answer(number: int, status: int, sent_at: float, answered_at: float, **body: Any) -> Answer:
    return Answer(
        number=number, status=status, sent_at=sent_at, answered_at=answered_at, body=json.dumps(body).encode()
    )


def sold_out(number: int, sent_at: float, answered_at: float, *, left: int = 0) -> Answer:
    return answer(number, 409, sent_at, answered_at, code="sold_out", left=left)


# the sold-out verdict --------------------------------------------------------------------------------------------------


def test_a_refusal_that_came_before_the_last_order_was_sent_was_early() -> None:
    answers = [answer(1, 201, 0.0, 0.3), sold_out(2, 0.0, 0.4), answer(3, 201, 0.5, 0.9), sold_out(4, 0.5, 0.8)]

    ending = ending_of(2, answers)

    assert (ending.acknowledged, ending.refused, ending.refused_early) == (2, 2, 1)


def test_a_refusal_while_the_last_order_was_under_way_may_be_right() -> None:
    answers = [answer(1, 201, 0.0, 0.9), sold_out(2, 0.1, 0.2)]

    assert ending_of(1, answers).refused_early == 0


def test_a_refusal_that_names_places_left_contradicts_itself() -> None:
    assert ending_of(1, [answer(1, 201, 0.0, 0.1), sold_out(2, 0.0, 0.2, left=1)]).refused_with_places == 1


def test_times_count_from_the_first_request() -> None:
    ending = ending_of(1, [sold_out(1, 10.0, 10.5), answer(2, 201, 10.1, 10.25), sold_out(3, 10.2, 11.0)])

    assert ending.last_place_seconds == pytest.approx(0.25)
    assert ending.all_answered_seconds == pytest.approx(1.0)
    assert ending.sold_at_seconds == pytest.approx((0.25,))


def test_other_refusals_and_lost_answers_are_told_apart() -> None:
    lost = Answer(number=3, status=LOST, sent_at=0.0, answered_at=0.2, body=b"")
    busy = answer(2, 503, 0.0, 0.1, code="busy")

    assert ending_of(1, [answer(1, 201, 0.0, 0.1), busy, lost]).other == {"busy": 1, "0": 1}


# the slope of memory ---------------------------------------------------------------------------------------------------


def test_the_slope_is_that_of_the_line_through_the_points() -> None:
    assert memory.bytes_per_order([(0, 100), (10, 150), (20, 200)]) == pytest.approx(5.0)


def test_what_fills_up_to_its_bound_first_is_no_growth() -> None:
    full = memory.SETTLED_AFTER_ORDERS
    points = [(0, 100), (full // 2, 900), (full, 1_000), (2 * full, 1_000), (3 * full, 1_000)]

    assert memory.bytes_per_order(memory.settled(points)) == 0


def test_a_run_that_is_too_short_tells_no_slope() -> None:
    assert not memory.settled([(0, 100), (10, 900), (memory.SETTLED_AFTER_ORDERS, 1_000)])


# how an outcome is written ---------------------------------------------------------------------------------------------


def outcome(*, met: bool | None = True) -> Outcome:
    return Outcome(
        name="flash",
        title="Flash sale",
        figures=(Figure(what="orders to echoes", value="0.52", aim="at least 0.5", met=met),),
        provenance=ORIGIN,
        tables=(Table(columns=("places", "sold"), rows=(("10", "10"),)),),
        remarks=("Against an echo.",),
        values={"ratio": 0.52},
        charts={"flash.svg": "<svg/>"},
    )


@pytest.mark.parametrize(("met", "verdict"), [(True, "| met |"), (False, "| **missed** |"), (None, "|  |")])
def test_a_figure_stands_beside_its_aim_with_a_verdict(met: bool | None, verdict: str) -> None:
    [_head, _rule, row] = figures_table(outcome(met=met).figures).splitlines()

    assert row == "| orders to echoes | 0.52 | at least 0.5 " + verdict
    assert len(outcome(met=met).missed) == (met is False)


def test_the_long_block_has_chart_figures_tables_remarks_and_provenance() -> None:
    text = block(outcome(), images="performance")

    for part in ("![Flash sale](performance/flash.svg)", "| 10 | 10 |", "Against an echo.", "`0123456789ab`"):
        assert part in text


def test_the_brief_block_links_the_rest() -> None:
    text = brief_block(outcome(), images="docs/performance", details="docs/performance.md")

    assert "(docs/performance/flash.svg)" in text
    assert "(docs/performance.md)" in text
    assert "Against an echo." not in text


def test_an_outcome_is_kept_as_json_with_its_charts_beside_it(tmp_path: Path) -> None:
    write_outcome(outcome(), tmp_path)

    content = json.loads((tmp_path / "flash.json").read_text())
    assert content["values"] == {"ratio": 0.52}
    assert content["provenance"]["commit"] == "0123456789ab"
    assert (tmp_path / "flash.svg").read_text() == "<svg/>"


def test_publishing_writes_both_documents_where_their_markers_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DOCUMENT", "README"):
        path = tmp_path / f"{name}.md"
        path.write_text("before\n<!-- bench:flash:start -->\nout of date\n<!-- bench:flash:end -->\nafter\n")
        monkeypatch.setattr(bench, name, path)
    monkeypatch.setattr(bench, "PUBLISHED", tmp_path / "performance")

    bench.publish(outcome())

    for name in ("DOCUMENT", "README"):
        text = (tmp_path / f"{name}.md").read_text()
        assert "0.52" in text
        assert "out of date" not in text
        assert text.startswith("before")
        assert text.endswith("after\n")
    assert (tmp_path / "performance" / "flash.json").exists()


def test_every_scenario_has_its_place_in_the_document() -> None:
    text = bench.DOCUMENT.read_text()

    assert [name for name in bench.SCENARIOS if f"<!-- bench:{name}:start -->" not in text] == []


def test_a_missed_aim_is_told_by_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "LOCAL", tmp_path)
    monkeypatch.setattr(bench, "SCENARIOS", {"flash": lambda _options: outcome(met=False)})

    assert bench.main(["--only", "flash", "--keep-documents"]) == 1
    assert "**missed**" in capsys.readouterr().out


# houses ----------------------------------------------------------------------------------------------------------------


def test_a_house_on_stage_sells_what_was_put_on_sale(tmp_path: Path) -> None:
    house = begin(tmp_path)
    [offered] = house.put_on_sale([10])

    with house.served() as server:
        body = order_one(server, offered, run="test")

    assert json.loads(body)["payment_status"] == "pending"
    assert (house.left(offered), house.orders_stored(offered), house.findings()) == (9, 1, [])


def _numbers(house: Stage, *tables: str) -> list[int]:
    with house.opened() as opened:
        return [next(opened.store.engine.reader.execute(f"select count(*) from {table}"))[0] for table in tables]  # type: ignore[attr-defined]


def test_a_crowded_house_is_sound_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowded, "STAGES", tmp_path)

    house = crowded.crowded(300, scenario="test")

    assert house.findings() == []
    assert _numbers(house, "events", "listings", "event_positions") == [300, 300, 300]
    made_at = house.database.stat().st_ino
    assert crowded.crowded(300, scenario="test").database.stat().st_ino == made_at


def test_a_house_with_a_history_is_sound_and_what_is_changed_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "STAGES", tmp_path)

    with history.with_orders(250, scenario="test") as house:
        assert house.findings() == []
        assert _numbers(house, "orders", "admissions", "idempotency") == [250, 250, 250]
        house.database.unlink()

    with history.with_orders(250, scenario="test") as house:
        assert _numbers(house, "orders") == [250]


# cold starts -----------------------------------------------------------------------------------------------------------


def a_start(*, imports: float, waited: float, mebibytes: int) -> cold_start.Start:
    """A start whose imports took so long, of which it waited so long for a processor."""
    return cold_start.Start(
        steps=(0.0, imports, 0.1, 0.05, 0.05),
        cpu_steps=(0.0, imports - waited, 0.1, 0.05, 0.05),
        cpu_seconds=imports - waited + 0.2,
        waited_seconds=waited,
        resident_bytes=mebibytes * 2**20,
    )


def test_a_start_takes_all_of_its_steps_and_half_of_the_starts_decide() -> None:
    quick = a_start(imports=0.5, waited=0.0, mebibytes=90)
    slow = a_start(imports=2.0, waited=0.0, mebibytes=210)

    outcome = cold_start.outcome_of([quick, quick, slow], package_bytes=2**20, command="python -m bench")

    assert quick.seconds == pytest.approx(0.7)
    assert [figure.met for figure in outcome.figures if figure.aim] == [True, False, True]


def test_what_a_start_waits_for_a_processor_is_not_its_own_time() -> None:
    crowded_out = a_start(imports=2.0, waited=1.5, mebibytes=90)

    outcome = cold_start.outcome_of([crowded_out], package_bytes=2**20, command="python -m bench")

    assert crowded_out.own_seconds == pytest.approx(0.7)
    assert outcome.figures[0].met


def test_orders_on_dynamodb_follow_from_what_a_transaction_holds_and_what_partitions_take() -> None:
    servers, spread, alone, many = dynamodb.calculated(19)

    assert (servers.least, servers.most) == (19 * 40, 19 * 65)
    assert (spread.least, spread.most) == (16 * 19 * 40, 16_000)
    assert (alone.least, many.least) == (50, 64 * 50)
    assert dynamodb.units_of_an_order(1) == 2 * 7 + 2
