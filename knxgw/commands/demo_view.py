"""What a terminal shows of the demo."""

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.text import Text

from knxgw.station.view import PointView, SiteView

HEADINGS = ("CP", "Name", "State", "Offer", "L1/L2/L3", "Power", "Session")
COLUMNS = (("<", 2), ("<", 14), ("<", 18), (">", 6), (">", 16), (">", 8), (">", 9))


def load_management_line(site: SiteView) -> str:
    """Return load management in one line."""
    load_management = site.load_management
    if load_management is None:
        return ""
    phases = ", ".join(
        f"{one.name} {_ampere(one.measured_ma)} (building {_ampere(one.base_ma)})"
        for one in load_management.phases
    )
    return f"load management {load_management.state_words}, limit {_ampere(load_management.limit_ma)}: {phases}"


def _ampere(current_ma: int | None) -> str:
    return "-" if current_ma is None else f"{current_ma / 1000:.1f} A"


def live_view(site: SiteView, head: Sequence[str]) -> Group:
    """Return what the terminal shows: what a person must know first, each charging point below.

    A terminal of 80 columns and 24 lines has room for all of it.
    """
    lines = [f"knxgw demo: {site.name}", *head, load_management_line(site)]
    texts = [Text(line, overflow="fold") for line in lines if line]
    return Group(*texts, Text(), _line(HEADINGS, "bold"), *_two_lines_each(site))


def _two_lines_each(site: SiteView) -> Iterator[Text]:
    for point in site.points:
        number, _, state, *numbers, reason = _row(point)
        fault = f"{point.fault}: " if point.fault_present else ""
        yield _line((number, point.name, state, *numbers))
        yield Text(
            f"   {point.model} · {fault}{reason}", style="dim", no_wrap=True, overflow="ellipsis"
        )


def _line(cells: Sequence[str], style: str = "") -> Text:
    """Return cells in columns; a long one is cut."""
    shown = (
        f"{cell[:width]:{side}{width}}" for cell, (side, width) in zip(cells, COLUMNS, strict=True)
    )
    return Text(" ".join(shown).rstrip(), style=style, no_wrap=True, overflow="ellipsis")


def plain_lines(site: SiteView, head: Sequence[str]) -> str:
    """Return the same as plain lines, for an output that cannot be written over."""
    rows = ("  ".join(_row(point)) for point in site.points)
    return "\n".join([" · ".join(head), load_management_line(site), *rows])


def _row(point: PointView) -> tuple[str, ...]:
    phases = "/".join("-" if p is None else f"{p / 1000:.1f}" for p in point.phases_ma)
    fault = f" [{point.fault}]" if point.fault_present else ""
    return (
        str(point.number),
        f"{point.name} ({point.model})",
        f"{'-' if point.state is None else point.state} {point.state_words}{fault}",
        "-" if point.offer_ma is None else f"{point.offer_ma / 1000:.1f} A",
        f"{phases} A",
        "-" if point.power_w is None else f"{point.power_w} W",
        "-" if point.session_wh is None else f"{point.session_wh / 1000:.2f} kWh",
        point.reason,
    )
