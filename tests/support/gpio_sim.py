"""A GPIO chip that the kernel simulates (module gpio-sim, through configfs), where there is one.

Source: [linux-gpio-sim].
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CONFIGFS = Path("/sys/kernel/config/gpio-sim")
NAME, LABEL = "knxgw-test", "knxgw-board"


def why_not() -> str:
    """Return why there is no such chip here, "": there can be one."""
    if not CONFIGFS.is_dir():
        return f"no {CONFIGFS}: the kernel has no module gpio-sim, or it is not loaded"
    return ""


class SimulatedChip:
    """A chip; its name may be another whenever it is plugged in, its label stays."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self.plug()

    @property
    def _name(self) -> str:
        return (self._top / "bank0" / "chip_name").read_text().strip()

    @property
    def device(self) -> str:
        return f"/dev/{self._name}"

    @property
    def _controls(self) -> Path:
        device = (self._top / "dev_name").read_text().strip()
        return Path("/sys/devices/platform") / device / self._name

    def plug(self) -> None:
        (self._top / "live").write_text("1")

    def unplug(self) -> None:
        (self._top / "live").write_text("0")

    def drive(self, offset: int, *, is_high: bool) -> None:
        pull = "pull-up" if is_high else "pull-down"
        (self._controls / f"sim_gpio{offset}" / "pull").write_text(pull)

    def level(self, offset: int) -> bool:
        return (self._controls / f"sim_gpio{offset}" / "value").read_text().strip() == "1"


@contextmanager
def simulated_chip(
    lines: int, names: Mapping[int, str], holders: Mapping[int, str]
) -> Iterator[SimulatedChip]:
    """Make a chip for the length of a block; `holders`: lines that somebody else has."""
    top = CONFIGFS / NAME
    bank = top / "bank0"
    made = [top, bank]
    for path in made:
        path.mkdir()
    try:
        (bank / "num_lines").write_text(str(lines))
        for offset in {*names, *holders}:
            made.append(bank / f"line{offset}")
            made[-1].mkdir()
        for offset, name in names.items():
            (bank / f"line{offset}" / "name").write_text(name)
        for offset, holder in holders.items():
            made.append(bank / f"line{offset}" / "hog")
            made[-1].mkdir()
            (made[-1] / "name").write_text(holder)
            (made[-1] / "direction").write_text("input")
        (bank / "label").write_text(LABEL)
        chip = SimulatedChip(top)
        try:
            yield chip
        finally:
            chip.unplug()
    finally:
        for path in reversed(made):
            path.rmdir()
