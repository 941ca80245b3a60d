"""Every parameter at its bounds: typed into its form, applied, written to the file, and in force in a running gateway.

A case is a value with all that makes it possible and gives it an effect; cases that agree are applied together.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymodbus.transport import NULLMODEM_HOST

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.convert import convert
from knxgw.config.load import load_configuration
from knxgw.master_file import MasterFile
from knxgw.website.config_form import POINTS
from knxgw.website.configuring import Outcome, Proposal
from tests.support.in_force import in_force
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.support.world import World
from tests.website.test_configuration_forms import PARAMETERS, bounds, typed_in
from tests.website.test_pages import POINT

BESIDE = {  # what is typed with a value
    "firmware.check": {"firmware.index": "https://example.org/firmware.json"},
    "website.certificate": {"website.key": "/none/website.key"},
    "website.key": {"website.certificate": "/none/website.certificate"},
    "knx.link": {"knx.gateway": "192.168.1.10:1"},
}
Wanted = Mapping[str, str]  # keys of parameters, of the first charging point -> what is typed
HEAD = "charging_points[]"
BASE = f"""\
# what is typed comes into this text
knx: {{link: none}}
charging_points:
  - {{number: 1, model: phoenix_charx, connection: {{host: {NULLMODEM_HOST}, port: 5021}}}}
"""
NOT_POSSIBLE = {
    ("knx.link", "tpuart"): "it cannot be used yet",
    **{
        (f"{meter}.connection.connector", "9"): "no meter of the catalogue has so many"
        for meter in ("load_management.smart_meter", f"{HEAD}.meter")
    },
}
SAMPLES = {
    ParameterType.HOSTS: ("a.example, 192.168.1.2",),
    ParameterType.INDIVIDUAL_ADDRESS: ("1.1.1", "15.15.254"),
    ParameterType.TIME_ZONE: ("Europe/Berlin", "UTC"),
    ParameterType.WEB_ADDRESS: ("https://example.org/firmware.json",),
}
SAMPLES_OF = {
    "knx.local_ip": ("127.0.0.1",),
    "knx.multicast_group": ("224.0.0.0", "239.255.255.255"),
    "website.trusted_proxy": ("192.168.1.9",),
    "knx.gateway": ("192.168.1.10:1", "192.168.1.10:65535"),
    "website.listen": ("127.0.0.1:1", "0.0.0.0:65535"),
    "firmware.proxy": ("192.168.1.1:1", "192.168.1.1:65535"),
    "serial.port": ("/dev/none",),
    f"{HEAD}.model": ("phoenix_charx", "keba_p30"),
    f"{HEAD}.meter.model": ("eastron_sdm630",),
    "load_management.smart_meter.model": ("eastron_sdm630",),
}


def values(parameter: ParameterDefinition) -> list[str]:
    """Return what is typed into a field: what is just allowed, each choice, samples of others."""
    if parameter.key in SAMPLES_OF:
        return list(SAMPLES_OF[parameter.key])
    if parameter.key.endswith("connection.host"):
        return [NULLMODEM_HOST]
    if parameter.type is ParameterType.PATH:
        return [f"/none/{parameter.key}"]
    if parameter.type is ParameterType.TEXT:  # texts that differ: the lines of a panel must
        letter = chr(ord("a") + list(PARAMETERS).index(parameter.key) % 26)
        return [letter * len(text) for text in bounds(parameter)]
    return list(SAMPLES.get(parameter.type, bounds(parameter)))


def context(key: str, value: str) -> dict[str, str]:
    """Return a value with what makes it possible."""
    makers: tuple[tuple[str, Callable[[], dict[str, str]]], ...] = (
        (f"{HEAD}.meter.", lambda: meter_of(f"{HEAD}.meter", key, value)),
        (f"{HEAD}.", lambda: point_of(key, value)),
        ("load_management.", lambda: load_management_of(key, value)),
        ("serial.", lambda: meter_of(f"{HEAD}.meter", f"{HEAD}.meter.connection.type", "serial")),
        ("panel.", lambda: panel_of(key)),
    )
    wanted = next((make() for prefix, make in makers if key.startswith(prefix)), {})
    if key.startswith("serial.") or value == "serial":
        is_seven = (key, value) == ("serial.data_bits", "7")
        wanted |= {"serial.port": "/dev/none", "serial.data_bits": "8"}
        wanted |= {"serial.protocol": "ascii" if is_seven else "rtu"}
    return wanted | BESIDE.get(key, {}) | {key: value}


def panel_of(key: str) -> dict[str, str]:
    """Return what a line of the panel, or its level, needs beside it."""
    line = "panel.button" if key == "panel.chip" else key.removesuffix("_active")
    return {"panel.chip": "gpiochip0", line: values(PARAMETERS[line])[0]}


def point_of(key: str, value: str) -> dict[str, str]:
    """Return what a value of a charging point needs beside it."""
    wanted = {f"{HEAD}.model": "phoenix_charx"}
    if key == f"{HEAD}.minimum_a":
        wanted |= {f"{HEAD}.maximum_a": "80"}
    if key == f"{HEAD}.maximum_a":
        wanted |= {f"{HEAD}.minimum_a": "6"}
    if key.startswith(f"{HEAD}.connection."):
        wanted |= {f"{HEAD}.connection.type": "tcp"}
    if key == f"{HEAD}.connection.type" and value != "tcp":
        wanted |= {f"{HEAD}.model": "evse_din", f"{HEAD}.connection.unit": "8"}
    return wanted


def meter_of(prefix: str, key: str, value: str) -> dict[str, str]:
    """Return what a value of a meter needs beside it: registers, or a model, and where it is."""
    wanted = {f"{prefix}.connection.type": "tcp", f"{prefix}.connection.host": NULLMODEM_HOST}
    if (key, value) == (f"{prefix}.connection.type", "serial"):
        wanted = {f"{prefix}.connection.type": "serial", f"{prefix}.connection.unit": "7"}
    if key.endswith((".ratio", ".meter.model", ".smart_meter.model")):
        return wanted | {f"{prefix}.model": "eastron_sdm630"}
    if key.endswith(".connector"):
        return wanted | {f"{prefix}.model": "sunspec_meter_201_204"}
    manual = f"{prefix}.manual"
    wanted |= {f"{manual}.function": "3", f"{manual}.max_registers": "12"}
    for first, quantity in ((1000, "current"), (1100, "power"), (1200, "energy")):
        if quantity == "current" or f".{quantity}." in key:
            wanted[f"{manual}.{quantity}.type"] = "u16"
            for phase in (1, 2, 3):
                wanted[f"{manual}.{quantity}.l{phase}"] = str(first + 10 * phase)
    if ".fault." in key:
        wanted |= {f"{manual}.fault.type": "u16", f"{manual}.fault.register": "1300"}
    return wanted


def load_management_of(key: str, value: str) -> dict[str, str]:
    """Return what a value of load management needs beside it."""
    name = key.removeprefix("load_management.")
    meter = "load_management.smart_meter"
    if (name, value) == ("mode", "off"):
        return {}
    if name == "static_limit_a" or value == "static":
        return {"load_management.mode": "static", "load_management.static_limit_a": "16"}
    wanted = {"load_management.mode": "dynamic", "load_management.fuse_a": "1000"}
    wanted |= {"load_management.reserve_a": "0"}
    if name == "priority" and value != "none":
        wanted |= {f"{HEAD}.number": value}
    if name.startswith("smart_meter."):
        is_read = name.split(".")[1] in {"model", "manual", "connection", "ratio"}
        is_power = value == "power" or value in {"9.024", "14.056"}
        wanted |= {
            f"{meter}.source": "modbus" if is_read else "knx",
            f"{meter}.measurement": "power" if is_power else "current",
        }
        wanted |= meter_of(meter, key, value) if is_read or value == "modbus" else {}
    return wanted


@dataclass
class Batch:
    """Cases that are applied together."""

    wanted: dict[str, str] = field(default_factory=dict)
    cases: list[tuple[str, str]] = field(default_factory=list)

    def takes(self, wanted: Wanted) -> bool:
        """Tell whether nothing of a case contradicts the others."""
        if any(self.wanted.get(key, value) != value for key, value in wanted.items()):
            return False
        merged = self.wanted | dict(wanted)
        registers = [
            (key.split(".manual.")[0], value)
            for key, value in merged.items()
            if key.endswith((".l1", ".l2", ".l3", ".sum", ".register"))
        ]
        by_hand = {key.split(".manual.")[0] for key in merged if ".manual." in key}
        has_both = any(f"{meter}.model" in merged for meter in by_hand)
        return len(registers) == len(set(registers)) and not has_both


def cases() -> Iterator[tuple[str, str]]:
    """Yield every parameter with each value that is tried."""
    for key, parameter in PARAMETERS.items():
        yield from ((key, value) for value in values(parameter) if (key, value) not in NOT_POSSIBLE)


def batches() -> list[Batch]:
    """Return all cases in batches."""
    found: list[Batch] = []
    for key, value in cases():
        wanted = context(key, value)
        batch = next((one for one in found if one.takes(wanted)), None)
        if batch is None:
            found.append(batch := Batch())
        batch.wanted |= wanted
        batch.cases.append((key, value))
    return found


BATCHES = batches()


def test_no_parameter_is_left_out() -> None:
    assert {key for key, _ in cases()} == set(PARAMETERS)
    assert sum(len(one.cases) for one in BATCHES) == len(list(cases()))
    assert len(BATCHES[0].cases) > 50, "else the quick one says little"


class Owned(Own):
    """A configuration that stands in a file, as a device writes it."""

    def __init__(self, text: str, master: MasterFile) -> None:
        super().__init__(text)
        self.master = master

    def propose(self, proposal: Proposal) -> Outcome:
        """Take a text, and write it."""
        self.master.write(proposal.text)
        return super().propose(proposal)


def form_and_name(key: str) -> tuple[str, str]:
    """Return where a parameter is typed, and the name of its field."""
    if key.startswith(HEAD):
        return f"/config/form/{POINTS}/1", key.replace("[]", "[0]")
    return f"/config/form/{key.partition('.')[0]}", key


def type_and_apply(visited: Website, wanted: Wanted) -> None:
    """Type values into their forms, and apply the draft that comes of it."""
    forms: dict[str, dict[str, str]] = {}
    for key, value in wanted.items():
        path, name = form_and_name(key)
        forms.setdefault(path, {})[name] = value
    for path, typed in forms.items():
        page = visited.get(path)
        assert all(f'name="{name}"' in page for name in typed)
        visited.post(path, **typed_in(page) | typed)
    draft = visited.app.extensions["knxgw"].drafts.of("owner")
    answer = visited.post("/config/apply", text=draft.text, based_on=draft.based_on)
    assert answer.status_code == 303, draft.text


def meaning(key: str, value: str) -> Any:
    """Return what a value is to be in a configuration."""
    found = convert(PARAMETERS[key], value, catalogue())
    return found.id if isinstance(found, DeviceModel) else found


def is_same(found: Any, wanted: Any) -> bool:
    """Compare values; the scale of a point times a ratio is not exact."""
    if isinstance(wanted, int | float) and isinstance(found, int | float):
        return math.isclose(found, wanted, rel_tol=1e-9)
    return bool(found == wanted)


@pytest.mark.proves("W43", "W45")
@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(one, id=f"{number}", marks=pytest.mark.long if number > 1 else ())
        for number, one in enumerate(BATCHES)
    ],
)
async def test_what_is_typed_into_the_forms_is_in_force(tmp_path: Path, batch: Batch) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(BASE, encoding="utf-8")
    (tmp_path / "state").mkdir()
    own = Owned(BASE, MasterFile(file, tmp_path / "state"))
    async with World(BASE, tmp_path / "world") as world:
        world.strict = False  # what it sends is not the question here
        with website(lambda _language: site(POINT), device=own.control()) as visited:
            type_and_apply(visited, batch.wanted)
        loaded = load_configuration(file, catalogue(), is_offline=True)
        assert loaded.configuration is not None, [str(one) for one in loaded.findings]
        await world.gateway.change(loaded.configuration)
        await world.sleep(5.0)
        running = world.gateway.configuration
    assert running is not None
    found = in_force(running)
    wrong = {
        key: (found.get(key, "nothing"), value)
        for key, value in batch.cases
        if not is_same(found.get(key, "nothing"), meaning(key, value))
    }
    assert wrong == {}, file.read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8").startswith(BASE.splitlines()[0])
