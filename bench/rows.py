"""The rows of docs/performance.md: what was measured, beside what the design wants of it."""

import os
import platform
from dataclasses import dataclass

from bench import client_cost, rules, serial_line
from bench.compare import Comparison
from bench.download import DownloadFigures
from bench.figures import Figures
from bench.interruption import ProcessFigures
from bench.realtime.check import RealTimeFigures
from bench.realtime.comparison import Difference

REAL_TIME = (
    "The last row covers half an hour: cars come and go, the building's load steps, KNX commands an",
    "interruption, a large consumer is announced, grid-supporting control is active, a charger is",
    "unreachable, a heater overloads the line, the smart meter falls silent, and the line exports solar",
    "power (`bench/realtime/garage.yaml`). `knxgw run` controls simulated chargers of four models; the",
    "scenario bench predicts the result from the facts in `product_db/`. The setpoint of a charger in each",
    "second is compared with all predictions for it from 4 s before to 4 s after, because clocks that are",
    "not synchronised may differ by that much (a meter period, a poll, a cycle).",
    "Every `make long` plays the first ten minutes in virtual time.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the page."""

    what: str
    budget: str
    measured: str
    good: bool

    def __str__(self) -> str:
        return f"| {self.what} | {self.budget} | {self.measured} | {'yes' if self.good else '**no**'} |"


def process_rows(figures: ProcessFigures) -> list[Row]:
    """Return the rows of one gateway process on loopback."""
    cut, idle, busy = figures.interruption, figures.idle, figures.charging
    grid = figures.grid_control
    keba = ", ".join(f"{delay_ms:.0f} ms" for delay_ms in figures.keba_ms)
    return [
        Row(
            what="Interruption telegram → Modbus write on the wire",
            budget="p99 ≤ 50 ms",
            measured=f"p50 {cut.p50_ms} ms, p99 {cut.p99_ms} ms, max {cut.max_ms} ms "
            f"({cut.count} interruptions, {cut.lost} lost)",
            good=cut.p99_ms <= 50 and cut.lost == 0,
        ),
        Row(
            what="The same at a KEBA (one write in 5 s, one value in 0.5 s)",
            budget="≤ 50 ms each",
            measured=keba,
            good=max(figures.keba_ms) <= 50,
        ),
        Row(
            what="Grid-supporting control → three others written to, while one charger is silent",
            budget="p99 ≤ 50 ms",
            measured=f"p50 {grid.p50_ms} ms, p99 {grid.p99_ms} ms, max {grid.max_ms} ms "
            f"({grid.count} times, {grid.lost} lost)",
            good=grid.p99_ms <= 50 and grid.lost == 0,
        ),
        Row(
            what="Five chargers and five meters polled, no car",
            budget="≤ 5 % of one core",
            measured=f"{idle.processor_percent} %",
            good=idle.processor_percent <= 5,
        ),
        Row(
            what="The same while five cars charge",
            budget="≤ 5 % of one core",
            measured=f"{busy.processor_percent} %",
            good=busy.processor_percent <= 5,
        ),
        Row(
            what="Memory (RSS)",
            budget="≤ 100 MiB",
            measured=f"{busy.rss_mib} MiB",
            good=busy.rss_mib <= 100,
        ),
        Row(
            what="Ready: telegrams answered, state and currents of each charger read once",
            budget="≤ 3 s after start",
            measured=f"{figures.ready_s} s (median of 5 starts; a KEBA alone needs 2.5 s)",
            good=figures.ready_s <= 3,
        ),
    ]


def reaction_row(figures: Figures) -> Row:
    """Return the row of load management in a real process."""
    return Row(
        what="Smart meter telegram → lowered setpoints on the wire",
        budget="p99 ≤ 250 ms",
        measured=f"p50 {figures.p50_ms} ms, p99 {figures.p99_ms} ms "
        f"({figures.count} times, {figures.lost} lost)",
        good=figures.p99_ms <= 250 and figures.lost == 0,
    )


def rule_rows(figures: rules.RuleFigures) -> list[Row]:
    """Return the rows of what is only computed."""
    one = figures.step
    return [
        Row(
            what="Step of the station, load management, five vehicles charging",
            budget="p99 ≤ 0.5 ms",
            measured=f"p50 {one.p50_ms} ms, p99 {one.p99_ms} ms",
            good=one.p99_ms <= 0.5,
        ),
        Row(
            what="Allocation to 5 charging points, to 64",
            budget="≤ 50 µs, ≤ 2 ms",
            measured=f"{figures.solve_5_us:.0f} µs, {figures.solve_64_us:.0f} µs",
            good=figures.solve_5_us <= 50 and figures.solve_64_us <= 2000,
        ),
        Row(
            what="Scenario bench, a day at random, five charging points, one core",
            budget="≥ 3 000 x real time",
            measured=f"{figures.day_speed:.0f} x",
            good=figures.day_speed >= 3000,
        ),
    ]


def serial_rows(lines: dict[str, serial_line.LineFigures]) -> list[Row]:
    """Return the rows of five units on one RTU line at 19 200 baud."""
    rows = []
    for name, line in lines.items():
        rows.append(
            Row(
                what=f"Five units on an RTU line at 19 200 baud ({name}), as often as it allows",
                budget="≥ 90 % of what bytes, silences and the devices allow",
                measured=f"{line.percent} %, {line.polls_per_s}/s",
                good=line.percent >= 90,
            )
        )
        rows.append(
            Row(
                what=f"Interruption → write on that line ({name})",
                budget="≤ one transaction later",
                measured=f"worst {line.worst_transactions} transaction, {line.worst_ms} ms "
                f"(the longest in the way took {line.longest_ms} ms)",
                good=line.worst_transactions <= 1,
            )
        )
    return rows


def realtime_row(figures: RealTimeFigures) -> Row:
    """Return the row of load management in a process, against the scenario bench."""
    found = figures.agreement
    further = "; ".join(_in_words(one) for one in found.differences) or "never further"
    return Row(
        what=f"Setpoints of {figures.points} charging points over Modbus TCP, smart meter on KNX, "
        f"{figures.minutes:g} min in real time, against the scenario bench's prediction",
        budget=f"≤ one step ({found.step_ma / 1000:g} A) apart",
        measured=f"at most {found.largest_ma / 1000:g} A, {further}; the same for "
        f"{found.near_share:.1%} of the time, at the very second for {found.same_share:.1%} "
        f"(load average {figures.load_average:.1f}, events up to {figures.late_s * 1000:.0f} ms late)",
        good=found.is_good,
    )


def _in_words(one: Difference) -> str:
    return (
        f"charging point {one.point} by {one.largest_ma / 1000:g} A from {one.from_s:g} "
        f"to {one.to_s:g} s"
    )


def cost_row(cost: client_cost.CostFigures) -> Row:
    """Return the row of a request over TCP."""
    return Row(
        what="CPU time of a request over TCP: client, bus and poll plan",
        budget="≤ 1.3 x plain pymodbus",
        measured=f"{cost.ours_us:.0f} µs, plain {cost.plain_us:.0f} µs: x {cost.ratio}; decoding "
        f"and rules {cost.meaning_us:.0f} µs, in neither",
        good=cost.ratio <= 1.3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long an answer may take, as a multiple of what bare xknx takes."""

    p50: float
    p99: float
    p99_ms: float = 1.0

    def p99_words(self) -> str:
        """Return it for people."""
        return f"≤ {self.p99:g} x bare xknx and ≤ {self.p99_ms:g} ms"


BEHIND_KNXD = Budget(p50=1.3, p99=1.5)  # knxd has most of it
ROUTING = Budget(p50=0.8, p99=1.0)
OWN_SERVER = Budget(p50=0.6, p99=1.0)


def latency_rows(where: str, comparison: Comparison, budget: Budget) -> list[Row]:
    """Return the rows of reads one after the other."""
    ours, bare, ratios = comparison.gateway, comparison.bare, comparison.ratios
    is_fast = ratios["p99_ms"] <= budget.p99 and ours["p99_ms"] <= budget.p99_ms
    return [
        Row(
            what=f"GroupValueRead → response {where}, p50",
            budget=f"≤ {budget.p50:g} x bare xknx",
            measured=f"{ours['p50_ms']} ms, bare {bare['p50_ms']} ms: x {ratios['p50_ms']}",
            good=ratios["p50_ms"] <= budget.p50,
        ),
        Row(
            what=f"GroupValueRead → response {where}, p99",
            budget=budget.p99_words(),
            measured=f"{ours['p99_ms']} ms, bare {bare['p99_ms']} ms: x {ratios['p99_ms']}; "
            f"{ours['lost']:.0f} lost",
            good=is_fast and ours["lost"] == 0,
        ),
    ]


def rate_row(comparison: Comparison) -> Row:
    """Return the row of many reads at once."""
    ours = comparison.gateway
    return Row(
        what="Responses over a tunnel, 32 reads outstanding",
        budget="≥ 1 000/s without a loss",
        measured=f"{ours['rate_per_s']:.0f}/s, {ours['lost']:.0f} lost "
        f"(bare {comparison.bare['rate_per_s']:.0f}/s)",
        good=ours["rate_per_s"] >= 1000 and ours["lost"] == 0,
    )


def own_rate_row(by: str, comparison: Comparison) -> Row:
    """Return the row of many reads at once at our own tunnelling server."""
    ours, bare = comparison.gateway, comparison.bare
    ratio = comparison.ratios["rate_per_s"]
    return Row(
        what=f"Responses over our own tunnelling server by {by}, 32 reads outstanding",
        budget="≥ 2 x bare xknx behind knxd (UDP), without a loss",
        measured=f"{ours['rate_per_s']:.0f}/s, {ours['lost']:.0f} lost "
        f"(bare {bare['rate_per_s']:.0f}/s): x {ratio}",
        good=ratio >= 2.0 and ours["lost"] == 0,
    )


def overload_row(comparison: Comparison) -> Row:
    """Return the row of more reads than anybody may send."""
    ours, bare = comparison.gateway, comparison.bare
    return Row(
        what="Routing, 500 reads/s offered for 2 s",
        budget="≤ 50 telegrams in any second, no answer after more than 2 s, ROUTING_BUSY",
        measured=f"at most {ours['most_responses_per_s']:.0f} responses in a second, longest delay "
        f"{ours['coalesced_max_ms']:.0f} ms, "
        f"{ours['coalesced_answered']:.0f} of {ours['count']:.0f} answered by "
        f"{ours['responses']:.0f} responses, {ours['busy_frames']:.0f} x ROUTING_BUSY "
        f"(bare: {bare['max_ms']:.0f} ms, {bare['busy_frames']:.0f} x)",
        good=ours["coalesced_max_ms"] <= 2000
        and ours["most_responses_per_s"] <= 50
        and ours["busy_frames"] > 0,
    )


def download_row(figures: DownloadFigures) -> Row:
    """Return the row of a whole download."""
    return Row(
        what=f"Whole download by xknx: {figures.objects} group objects linked, all parameters, "
        f"{figures.octets} octets",
        budget="≤ 1.3 x what xknx's own pauses need",
        measured=f"{figures.seconds:g} s, pauses {figures.paced_s:g} s: x {figures.ratio}",
        good=figures.ratio <= 1.3,
    )


def page(rows: list[Row], runs: int, load_average: float) -> str:
    """Return docs/performance.md; the load average is that of the machine before it was measured."""
    lines = [
        "# Performance",
        "",
        "Written by `make bench`. The gateway is measured as a real process; the rules, a serial line and",
        "the CPU time of a request run in the measuring process. KNX figures are taken between network",
        "namespaces, alternating with a bare xknx program that answers the same reads",
        f"(medians of {runs} runs each, the maximum of losses). Machines differ: the comparison with bare",
        "xknx in the same run says more than the milliseconds. Visitors of the website come from another",
        "process, in turns with nobody; Chromium slows down network and processor for the first page.",
        "",
        f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores; load average "
        f"before that {load_average:.1f}.",
        "",
        "| What | Budget | Measured | Met |",
        "|---|---|---|---|",
        *(str(row) for row in rows),
        "",
        *REAL_TIME,
        "",
    ]
    return "\n".join(lines)


def renewed(text: str, rows: list[Row], load_average: float) -> str:
    """Return docs/performance.md with some rows measured again by themselves; new ones come last."""
    fresh = {row.what: row for row in rows}
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if line.startswith("| ") and (row := fresh.pop(line.split(" | ")[0][2:], None)) is not None:
            lines[index] = str(row)
    after = max(index for index, line in enumerate(lines) if line.startswith("| ")) + 1
    lines[after:after] = [str(row) for row in fresh.values()]
    rows_were = "1 row was" if len(rows) == 1 else f"{len(rows)} rows were"
    said = f"{rows_were} measured again, from “{rows[0].what}” on, "
    said += f"with Python {platform.python_version()}; load average before that {load_average:.1f}."
    earlier = f"from “{rows[0].what}” on"
    for index in [at for at, line in enumerate(lines) if earlier in line][::-1]:
        del lines[index : index + 2]  # with the empty line after it
    place = lines.index("| What | Budget | Measured | Met |")
    lines[place:place] = [said, ""]
    return "\n".join(lines) + "\n"
