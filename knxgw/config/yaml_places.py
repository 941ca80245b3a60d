"""Where the keys of a configuration file stand."""

from dataclasses import dataclass, field

from knxgw.errors import FileLine

Path = tuple[str | int, ...]  # of keys and entries, from 0: ("charging_points", 0, "maximum_a")


def dotted(path: Path) -> str:
    """Return the key of a place as findings name it: `charging_points[0].maximum_a`."""
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in path
    ).removeprefix(".")


def parameter_key(path: Path) -> str:
    """Return the key of a place as `parameters.yaml` writes it: `charging_points[].maximum_a`."""
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


@dataclass(slots=True, kw_only=True)
class YamlPlaces:
    """The lines of one file; a key that is not in it stands where the section around it does."""

    file: str
    lines: dict[str, int] = field(default_factory=dict)  # dotted key -> line, from 1

    def place(self, key: str) -> FileLine:
        """Return where a key stands."""
        around = key
        while around and around not in self.lines:
            around = around[: max(around.rfind("."), around.rfind("["), 0)]
        return FileLine(self.file, self.lines.get(around, 1), key)
