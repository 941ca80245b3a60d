"""A GPIO chip that the kernel simulates (module gpio-sim, through configfs), where there is one.

Source: [linux-gpio-sim].
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CONFIGFS = Path("/sys/kernel/config/gpio-sim")
NAME = "knxgw-test"


def why_not() -> str:
    """Return why there is no such chip here, "": there can be one."""
    if not CONFIGFS.is_dir():
        return f"no {CONFIGFS}: the kernel has no module gpio-sim, or it is not loaded"
    return ""


class SimulatedChip:
    """A live chip."""

    def __init__(self, device: str, controls: Path) -> None:
        self.device, self._controls = device, controls

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
        (top / "live").write_text("1")
        chip = (bank / "chip_name").read_text().strip()
        device = (top / "dev_name").read_text().strip()
        yield SimulatedChip(f"/dev/{chip}", Path("/sys/devices/platform") / device / chip)
        (top / "live").write_text("0")
    finally:
        for path in reversed(made):
            path.rmdir()
