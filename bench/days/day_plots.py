"""The plots of docs/load-management.md: a day, its most interesting hour, utilisation over the seeds."""

from collections.abc import Sequence

from bench.days.day_picture import Lines, Picture
from bench.days.day_run import EVCC, GATEWAY, OPENWB, WARP, DayResult
from bench.days.svg import Axis, Chart

BUILDING = "#c9ccd1"
POINTS = ("#9ecae1", "#6baed6", "#a1d99b", "#74c476", "#bcbddc")
LINE, LIMIT, FUSE = "#111111", "#d95f02", "#b2182b"
POLICIES = {  # last on top
    "first come, first served": "#bbbbbb",
    EVCC: "#d95f02",
    WARP: "#7570b3",
    OPENWB: "#1f78b4",
    GATEWAY: "#1b7837",
}
LEAST_SHOWN = 0.85  # what is below is in the tables only


def day_plot(picture: Picture) -> str:
    """Return the currents of a day as SVG."""
    hours = picture.day.at_h[-1]
    axis = Axis(title="time of the day [h]", low=0.0, high=hours, step=2.0 if hours > 6 else 0.5,
                digits=0 if hours > 6 else 1)  # fmt: skip
    return _currents(picture, picture.day, axis, f"{picture.name}: L{picture.phase + 1}")


def hour_plot(picture: Picture, title: str = "The same day, its busiest hour") -> str:
    """Return the currents of the hour that was most above the limit, or another one, as SVG."""
    lines, first_h = picture.hour, picture.hour.at_h[0]
    minutes = [(at_h - first_h) * 60 for at_h in lines.at_h]
    turned = Lines(at_h=minutes, base_a=lines.base_a, points_a=lines.points_a, load_a=lines.load_a)
    axis = Axis(title=f"minutes after {first_h:g} h [min]", low=0.0, high=max(minutes), step=5.0)
    return _currents(picture, turned, axis, f"{title}: L{picture.phase + 1}")


def _currents(picture: Picture, lines: Lines, axis: Axis, title: str) -> str:
    highest_a = max(*lines.load_a, picture.fuse_a)
    most_a = 10.0 * (int(highest_a / 10) + 1)
    y = Axis(title="current [A]", low=0.0, high=most_a, step=10.0)
    chart = Chart(title, axis, y)
    lows: Sequence[float] = [0.0] * len(lines.at_h)
    chart.band("building", lines.at_h, lows, lines.base_a, colour=BUILDING)
    lows = lines.base_a
    for number, draws in enumerate(lines.points_a, 1):
        highs = [low + draw for low, draw in zip(lows, draws, strict=True)]
        chart.band(f"CP{number}", lines.at_h, lows, highs, colour=POINTS[(number - 1) % 5])
        lows = highs
    chart.line("line current", lines.at_h, lines.load_a, colour=LINE, width=0.9)
    chart.level(f"limit {picture.limit_a:g} A", picture.limit_a, colour=LIMIT)
    chart.level(f"fuse {picture.fuse_a:g} A", picture.fuse_a, colour=FUSE)
    return chart.text()


def utilisation_plot(results: Sequence[DayResult], title: str) -> str:
    """Return the utilisation of every day by who decided as SVG."""
    seeds = [one.job.seed for one in results]
    x = Axis(title="seed of the day", low=min(seeds) - 1, high=max(seeds) + 1, step=1.0)
    y = Axis(title="utilisation", low=LEAST_SHOWN, high=1.0, step=0.05, digits=2)
    chart = Chart(title, x, y)
    for name, colour in POLICIES.items():
        shares = [
            (one.job.seed, one.figures[name].utilisation)
            for one in results
            if name in one.figures and one.figures[name].utilisation >= LEAST_SHOWN
        ]
        if shares:
            chart.dots(
                name, [seed for seed, _ in shares], [share for _, share in shares], colour=colour
            )
    return chart.text()
