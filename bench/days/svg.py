"""Small charts as SVG: axes with units, lines, stacked areas, dots. No library, no script."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

LEFT, RIGHT, TOP, BOTTOM = 64, 24, 64, 56
LEGEND_STEP = 20
INK, GRID = "#222222", "#dddddd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: what it shows, from where to where, and a mark at each step."""

    title: str
    low: float
    high: float
    step: float
    digits: int = 0

    def marks(self) -> Iterator[float]:
        """Give the places of its marks."""
        count = int((self.high - self.low) / self.step + 1e-9)
        return (self.low + n * self.step for n in range(count + 1))


@dataclass(slots=True)
class Chart:
    """A chart that grows; `text` is the whole file."""

    title: str
    x: Axis
    y: Axis
    width: int = 1000
    height: int = 440
    _body: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str, bool]] = field(default_factory=list)  # name, colour, an area

    def _x(self, value: float) -> float:
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return round(LEFT + share * (self.width - LEFT - RIGHT), 1)

    def _y(self, value: float) -> float:
        share = (value - self.y.low) / (self.y.high - self.y.low)
        inside = min(1.0, max(0.0, share))
        return round(self.height - BOTTOM - inside * (self.height - TOP - BOTTOM), 1)

    def line(  # noqa: PLR0913 - what a line looks like
        self,
        name: str,
        xs: Sequence[float],
        ys: Sequence[float],
        *,
        colour: str,
        width: float = 1.5,
        dashes: str = "",
    ) -> None:
        """Draw a line through points."""
        points = " ".join(f"{self._x(x)},{self._y(y)}" for x, y in zip(xs, ys, strict=True))
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._body.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}"{dashed}/>'
        )
        self._legend.append((name, colour, False))

    def level(self, name: str, value: float, *, colour: str) -> None:
        """Draw a dashed line across."""
        self.line(name, [self.x.low, self.x.high], [value, value], colour=colour, dashes="7 4")

    def band(
        self,
        name: str,
        xs: Sequence[float],
        lows: Sequence[float],
        highs: Sequence[float],
        *,
        colour: str,
    ) -> None:
        """Fill the area between two lines."""
        forth = [f"{self._x(x)},{self._y(y)}" for x, y in zip(xs, highs, strict=True)]
        back = [f"{self._x(x)},{self._y(y)}" for x, y in zip(xs, lows, strict=True)]
        points = " ".join([*forth, *reversed(back)])
        self._body.append(f'<polygon points="{points}" fill="{colour}"/>')
        self._legend.append((name, colour, True))

    def dots(
        self, name: str, xs: Sequence[float], ys: Sequence[float], *, colour: str, radius: int = 5
    ) -> None:
        """Draw a dot at each point."""
        for x, y in zip(xs, ys, strict=True):
            self._body.append(
                f'<circle cx="{self._x(x)}" cy="{self._y(y)}" r="{radius}" fill="{colour}"/>'
            )
        self._legend.append((name, colour, True))

    def text(self) -> str:
        """Return the file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" font-family="sans-serif" '
            f'font-size="13" fill="{INK}">'
        )
        back = f'<rect width="{self.width}" height="{self.height}" fill="white"/>'
        title = f'<text x="{LEFT}" y="22" font-size="16">{escape(self.title)}</text>'
        parts = [head, back, title, *self._grid(), *self._body, *self._frame(), *self._names()]
        return "\n".join([*parts, "</svg>", ""])

    def _grid(self) -> Iterator[str]:
        right, floor = self.width - RIGHT, self.height - BOTTOM
        for value in self.y.marks():
            y = self._y(value)
            yield f'<path d="M{LEFT} {y}H{right}" stroke="{GRID}"/>'
            label = f"{value:.{self.y.digits}f}"
            yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{label}</text>'
        for value in self.x.marks():
            x = self._x(value)
            yield f'<path d="M{x} {TOP}V{floor}" stroke="{GRID}"/>'
            label = f"{value:.{self.x.digits}f}"
            yield f'<text x="{x}" y="{floor + 18}" text-anchor="middle">{label}</text>'

    def _frame(self) -> Iterator[str]:
        right, floor = self.width - RIGHT, self.height - BOTTOM
        yield f'<path d="M{LEFT} {TOP}V{floor}H{right}" fill="none" stroke="{INK}"/>'
        middle_x, middle_y = (LEFT + right) / 2, (TOP + floor) / 2
        yield (
            f'<text x="{middle_x}" y="{self.height - 14}" text-anchor="middle">'
            f"{escape(self.x.title)}</text>"
        )
        yield (
            f'<text transform="translate(18 {middle_y}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.y.title)}</text>"
        )

    def _names(self) -> Iterator[str]:
        x = float(LEFT)
        for name, colour, is_area in self._legend:
            height = 12 if is_area else 3
            y = 44 - height / 2
            yield f'<rect x="{x}" y="{y}" width="16" height="{height}" fill="{colour}"/>'
            yield f'<text x="{x + 21}" y="48">{escape(name)}</text>'
            x += 21 + 7.2 * len(name) + LEGEND_STEP
