"""The rows of the website: how soon it is there, and what its visitors cost the charging."""

from bench.first_page import FirstPage
from bench.rows import Row
from bench.website import Load, WebsiteFigures

MORE_MS = 5.0  # that an interruption may take longer, p99
BROWSERS_MIB, LOG_INS_MIB, FLAT_MIB = 30.0, 25.0, 3.0
PAGE_MS = 1000.0


def first_page_row(figures: FirstPage) -> Row:
    """Return the row of a first visit."""
    return Row(
        what="Status page on a phone, first visit: 1.6 Mbit/s, 150 ms, processor 4 x slower",
        budget="painted ≤ 1 s, ≤ 150 KiB",
        measured=f"{figures.paint_s} s (median of 7; best {figures.best_s} s), "
        f"{figures.bytes / 1024:.0f} KiB",
        good=figures.paint_s <= 1.0 and figures.bytes <= 150 * 1024,
    )


def visitor_rows(figures: WebsiteFigures) -> list[Row]:
    """Return the rows of live browsers, slow connections and log-ins."""
    live, slow, log_ins = figures.live, figures.slow, figures.log_ins
    refused = log_ins.seen["answers"].get("429", 0)
    return [
        Row(
            what="50 browsers, each with live values and a new page every 2 s: interruption → write",
            budget="p99 +≤ 5 ms",
            measured=f"{_delays(live)}; {live.seen['streams']} streams, pages p99 "
            f"{live.seen['pages']['p99_ms']:.0f} ms, {live.lost} lost",
            good=_is_quick(live) and live.lost == 0 and live.seen["streams"] == live.visitors,
        ),
        Row(
            what="The same: memory (RSS)",
            budget="+≤ 30 MiB, flat",
            measured=f"{_memory(live)}, {live.growth_mib:+} MiB from the second turn with them "
            f"to the last",
            good=live.more_mib <= BROWSERS_MIB and live.growth_mib <= FLAT_MIB,
        ),
        Row(
            what="200 connections that are half open or slow: a page beside them",
            budget="≤ 1 s, p99 of an interruption +≤ 5 ms",
            measured=f"p50 {slow.page_p50_ms:.0f} ms, max {slow.page_max_ms:.0f} ms; "
            f"{_delays(slow)}; {slow.seen['slow']} open",
            good=slow.page_max_ms <= PAGE_MS and _is_quick(slow) and slow.lost == 0,
        ),
        Row(
            what="50 log-ins at once, every 2 s",
            budget="p99 of an interruption +≤ 5 ms, +≤ 25 MiB",
            measured=f"{_delays(log_ins)}; {_memory(log_ins)}; answered within "
            f"{log_ins.seen['pages']['max_ms']:.0f} ms, {refused} of "
            f"{log_ins.seen['pages']['count']} without a look at the password",
            good=_is_quick(log_ins) and log_ins.more_mib <= LOG_INS_MIB,
        ),
    ]


def _is_quick(load: Load) -> bool:
    return load.more_ms <= MORE_MS and load.with_them.lost == 0


def _delays(load: Load) -> str:
    return (
        f"p50 {load.with_them.p50_ms} ms, p99 {load.with_them.p99_ms} ms, without them "
        f"{load.without.p50_ms} and {load.without.p99_ms} ms ({load.with_them.count} times)"
    )


def _memory(load: Load) -> str:
    return f"{load.before_mib} → at most {load.most_mib} MiB"
