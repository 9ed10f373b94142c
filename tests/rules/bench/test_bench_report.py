"""Reports say what was measured, on what and by which command, and change nothing in a document but their block."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.load import Latency, Result
from bench.report import (
    Bar,
    Line,
    Machine,
    MarkersMissing,
    Provenance,
    Report,
    bar_chart,
    line_chart,
    markdown,
    markdown_table,
    provenance,
    read_report,
    replace_block,
    results_chart,
    results_table,
    write_block,
    write_report,
)

SVG = "{http://www.w3.org/2000/svg}"
LATENCY = Latency(count=30_000, mean_ms=8.1, p50_ms=7.6, p95_ms=12.4, p99_ms=16.2, max_ms=34.4)
RESULT = Result(
    name="flash sale",
    connections=128,
    rate_per_second=None,
    seconds=5.0,
    sent=30_003,
    answered=30_000,
    answered_in_time=29_950,
    lost=2,
    unanswered=1,
    not_sent=0,
    connections_failed=0,
    first_number=0,
    next_number=30_003,
    per_second=5_990.0,
    per_second_by_status={"201": 5_000.0, "409": 990.0},
    statuses={"201": 25_000, "409": 5_000},
    codes={"sold_out": 5_000},
    busy_without_retry_after=0,
    latency=LATENCY,
    latency_by_status={"201": LATENCY},
    late_max_ms=0.0,
    generator_cpu_seconds=0.75,
    generator_cpu_us_per_answer=25.04,
    server_cpu_seconds=4.9,
    server_cpu_us_per_answer=163.6,
    others_cpu_seconds=0.1,
    server_resident_bytes_before=None,
    server_resident_bytes_after=None,
    server_resident_peak_bytes=None,
)
ORIGIN = Provenance(
    machine=Machine(cores=2, processor="EPYC", memory_bytes=24 << 30, kernel="Linux 6.18", python="3.11.7"),
    commit="0a44f6e",
    measured_at="2026-06-11T19:00:00+00:00",
    command="make bench",
)
REPORT = Report(name="flash", title="Flash sale", remarks=("Against an echo.",), provenance=ORIGIN, results=(RESULT,))


def test_a_block_replaces_what_stood_between_its_markers_and_nothing_else() -> None:
    text = "# Speed\n<!-- bench:flash:start -->\nold\n<!-- bench:flash:end -->\nafter\n"

    replaced = replace_block(text, name="flash", block="new")

    assert replaced == "# Speed\n<!-- bench:flash:start -->\nnew\n<!-- bench:flash:end -->\nafter\n"
    assert replace_block(replaced, name="flash", block="new") == replaced


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- bench:flash:start -->\n",
        "<!-- bench:flash:end -->\n<!-- bench:flash:start -->\n",
        "<!-- bench:reads:start -->\n<!-- bench:reads:end -->\n",
        "<!-- bench:flash:start -->\n<!-- bench:flash:end -->\n" * 2,
    ],
)
def test_a_document_without_the_two_markers_is_refused_and_left_as_it_is(text: str, tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(text)

    with pytest.raises(MarkersMissing, match=r"performance\.md: it needs the line <!-- bench:flash:start -->"):
        write_block(document, name="flash", block="new")

    assert document.read_text() == text


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "results" / "flash.json")

    assert read_report(tmp_path / "results" / "flash.json") == REPORT


def test_a_block_carries_machine_commit_date_and_command() -> None:
    block = markdown(REPORT, image="images/flash.svg")

    for part in ("2 cores", "EPYC", "Linux 6.18", "24 GiB", "`0a44f6e`", "2026-06-11T19:00:00", "`make bench`"):
        assert part in block
    assert "![Flash sale](images/flash.svg)" in block
    assert "Against an echo." in block


def test_figures_measured_now_say_where_they_come_from() -> None:
    origin = provenance(command="make bench")

    assert origin.machine.cores >= 1
    assert origin.machine.memory_bytes > 0
    assert origin.measured_at.endswith("+00:00")
    assert origin.command == "make bench"


def test_figures_from_an_archive_without_history_say_so(tmp_path: Path) -> None:
    assert provenance(command="make bench", folder=tmp_path).commit == "unknown"


def test_a_result_is_one_row_with_its_refusals_and_what_had_no_answer() -> None:
    row = results_table([RESULT]).splitlines()[2]

    for cell in ("flash sale", "5,990", "16.2", "164", "25,000 × 201, 5,000 × 409 (5,000 sold_out)", "| 3 |"):
        assert cell in row


def test_a_result_says_how_much_of_the_machine_went_elsewhere() -> None:
    assert "| 0.40 |" in results_table([replace(RESULT, others_cpu_seconds=2.0)])


def test_a_result_is_marked_where_the_generator_was_the_limit() -> None:
    assert "may be faster" not in results_table([RESULT])
    assert "may be faster: `flash sale`." in results_table([replace(RESULT, generator_cpu_seconds=4.9)])


def test_a_cell_cannot_break_its_row() -> None:
    assert markdown_table(["a", "b"], [["x|y", "1"]]).splitlines()[2] == "| x\\|y | 1 |"


def test_a_bar_chart_is_an_image_with_title_and_description_and_bars_in_proportion() -> None:
    image = bar_chart(
        title="Orders & echo",
        description="twice <as many>",
        unit="requests per second",
        bars=[Bar(label="echo", value=10_000), Bar(label="orders", value=5_000, series=1)],
        source="here",
    )

    root = ElementTree.fromstring(image)
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect") if "fill" in bar.attrib["class"]]
    assert root.findtext(f"{SVG}title") == "Orders & echo"
    assert root.findtext(f"{SVG}desc") == "twice <as many>"
    assert widths[0] == 2 * widths[1] > 0
    assert {"10,000", "5,000", "echo", "orders"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_a_line_chart_draws_every_point_inside_its_card() -> None:
    image = line_chart(
        title="Growth",
        description="flat",
        x_label="orders in the file",
        y_label="µs",
        lines=[Line(label="ours", points=((0, 0), (500_000, 150), (1_000_000, 180)))],
        source="here",
    )

    root = ElementTree.fromstring(image)
    points = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{SVG}circle")]
    assert len(points) == 3
    assert all(0 <= x <= float(root.attrib["width"]) and 0 <= y <= float(root.attrib["height"]) for x, y in points)
    assert points[0][1] > points[1][1] > points[2][1]


def test_a_chart_can_be_read_on_light_and_on_dark() -> None:
    assert "prefers-color-scheme: dark" in results_chart(REPORT)


def test_charts_of_nothing_but_zeros_can_be_drawn() -> None:
    bars = bar_chart(title="t", description="d", unit="u", bars=[Bar(label="none", value=0)], source="s")
    lines = line_chart(
        title="t", description="d", x_label="x", y_label="y", lines=[Line(label="l", points=((1, 0),))], source="s"
    )

    assert ElementTree.fromstring(bars).tag == ElementTree.fromstring(lines).tag == f"{SVG}svg"


def test_a_rate_that_was_chosen_is_not_shown_as_a_finding() -> None:
    steady = replace(RESULT, name="at 70 %", rate_per_second=4_200.0)

    image = results_chart(replace(REPORT, results=(RESULT, steady)))

    assert "flash sale" in image
    assert "at 70 %" not in image
