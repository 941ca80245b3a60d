"""A parameter that nothing reads does not exist.

Two steps: each parameter of the catalogue changes the configuration that is made of the file, and
each field of the configuration is read by something that does more than read the file.
"""

import dataclasses
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import knxgw.config.model as words
from knxgw import judgement, knx_server, living, page_functions
from knxgw.announcement import Announcement
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.load import load_configuration, parse_configuration
from knxgw.config.model import Configuration, KnxLinkKind
from knxgw.host.clock import system_clock
from knxgw.host.gpio_panel import GpioPanel
from knxgw.judgement import judge_file
from knxgw.links.knx_factory import make_link
from knxgw.links.modbus_endpoint import SerialEndpoint
from knxgw.machine import time_servers
from knxgw.sim.vehicle import Vehicle
from knxgw.updating import is_to_look_daily, source_of, update_settings
from knxgw.website.listener import Address, Listener
from knxgw.website.names import host_names
from tests.support.fake_gpio import FakeChip, FakeGpio
from tests.support.keyring import KeyringData, write_keyring
from tests.support.virtual_time import InlineExecutor
from tests.support.world import World

# --- step 1: from the file to the configuration --------------------------------------------------

REGISTERS = {"type": "u16", "scale": 1, "l1": 0, "l2": 1, "l3": 2}
MANUAL: dict[str, Any] = {
    "function": 3,
    "current": REGISTERS,
    "power": {**REGISTERS, "l1": 10, "l2": 11, "l3": 12},
}
KEBA = {"number": 1, "model": "keba_p30", "connection": {"host": "10.0.0.1"}}
SERIAL = {
    "number": 1,
    "model": "heidelberg_energy_control",
    "connection": {"type": "serial", "unit": 5},
}
PLAIN: dict[str, Any] = {
    "website": {"certificate": "keys", "key": "keys"},
    "knx": {"link": "tunnelling", "gateway": "10.0.0.9", "keyring": "keys", "local_ip": "10.0.0.3"},
    "serial": {"port": "/dev/ttyUSB0"},
    "firmware": {"index": "https://example.org/firmware.json", "proxy": "10.0.0.7"},
    "panel": {"chip": "board", "button": 1, "led_programming": 2, "led_app": 3, "led_com": 4},
    "charging_points": [KEBA],
}
BASES: tuple[dict[str, Any], ...] = (
    PLAIN,
    {**PLAIN, "load_management": {"mode": "static", "static_limit_a": 40}},
    {
        **PLAIN,
        "load_management": {
            "mode": "dynamic",
            "fuse_a": 50,
            "smart_meter": {
                "source": "modbus",
                "manual": MANUAL,
                "connection": {"type": "tcp", "host": "10.0.0.4"},
            },
        },
        "charging_points": [
            {
                **KEBA,
                "meter": {
                    "manual": {
                        **MANUAL,
                        "energy": {**REGISTERS, "l1": 20, "l2": 21, "l3": 22, "sum": 23},
                        "fault": {"register": 30, "type": "u16"},
                    },
                    "connection": {"host": "10.0.0.5"},
                },
            }
        ],
    },
    {
        **PLAIN,
        "load_management": {
            "mode": "dynamic",
            "fuse_a": 50,
            "smart_meter": {
                "source": "modbus",
                "model": "sunspec_meter_201_204",
                "connection": {"host": "10.0.0.4"},
            },
        },
        "charging_points": [
            {
                **KEBA,
                "meter": {"model": "sunspec_meter_201_204", "connection": {"host": "10.0.0.5"}},
            }
        ],
    },
    {**PLAIN, "load_management": {"mode": "dynamic", "fuse_a": 50, "smart_meter": {"phases": 1}}},
    {**PLAIN, "load_management": {"mode": "dynamic", "fuse_a": 50}},
    {**PLAIN, "charging_points": [SERIAL]},
    {**PLAIN, "serial": {"port": "/dev/ttyUSB0", "protocol": "ascii"}},
    {**PLAIN, "charging_points": [{**KEBA, "model": "abl_em4"}]},
)
OTHERS: dict[ParameterType, tuple[object, ...]] = {
    ParameterType.TEXT: ("another",),
    ParameterType.BOOLEAN: (True, False),
    ParameterType.MODEL: ("alfen_eve", "eastron_sdm630", "eastron_sdm72dm_v2"),
    ParameterType.HOST: ("10.0.0.77", "224.0.23.99"),
    ParameterType.HOSTS: (["garage.example.org"],),
    ParameterType.ENDPOINT: ("10.0.0.77:1234",),
    ParameterType.INDIVIDUAL_ADDRESS: ("1.1.77",),
    ParameterType.TIME_ZONE: ("Europe/Berlin",),
    ParameterType.WEB_ADDRESS: ("https://example.org/other",),
    ParameterType.PATH: ("other", "/dev/ttyS0"),
}


def other_values(parameter: ParameterDefinition) -> Iterator[object]:
    """Yield values to try: one of them is allowed and is not the one that holds."""
    yield from (choice.value for choice in parameter.choices)
    yield from OTHERS.get(parameter.type, ())
    if parameter.low is not None and parameter.high is not None:
        low, high = int(parameter.low), int(parameter.high)
        yield from (low + 1, low, low + 2, low + 40, high, (low + high) // 2)


def changed(base: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    """Return a deep copy of a site with another value of a key; lists have one entry."""
    site: dict[str, Any] = json.loads(json.dumps(base))
    place: Any = site
    *path, name = key.replace("[]", ".0").split(".")
    for step in path:
        place = place[0] if step == "0" else place.setdefault(step, {})
    place[name] = value
    return site


def understood(site: dict[str, Any], directory: Path) -> Configuration | None:
    text = json.dumps(site)
    return parse_configuration(text, catalogue(), directory=directory).configuration


@pytest.mark.parametrize("base", BASES, ids=range(len(BASES)))
def test_the_sites_to_begin_with_have_no_mistakes(base: dict[str, Any], directory: Path) -> None:
    loaded = parse_configuration(json.dumps(base), catalogue(), directory=directory)
    assert loaded.configuration is not None, [str(one) for one in loaded.findings]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the files that paths of the sites name."""
    place = tmp_path_factory.mktemp("site")
    for name in ("keys", "other"):
        (place / name).write_text("for the tests")
    return place


@pytest.mark.proves("H.75")
@pytest.mark.parametrize("parameter", catalogue().parameters, ids=lambda one: str(one.key))
def test_a_parameter_changes_the_configuration(
    parameter: ParameterDefinition, directory: Path
) -> None:
    for base in BASES:
        before = understood(base, directory)
        assert before is not None
        for value in other_values(parameter):
            after = understood(changed(base, parameter.key, value), directory)
            if after is not None and after != before:
                return
    pytest.fail(f"no value of {parameter.key} makes a difference: nothing reads it")


# --- step 2: from the configuration to the gateway -----------------------------------------------

READ_THE_FILE = ("build", "check", "load", "values", "model", "convert", "report", "manual_meter")
SITE = """
device: {name: Test, time_zone: Europe/Berlin, language: de, alive_cycle_s: 10}
knx: {link: none}
website: {listen: "127.0.0.1:1"}
LOAD_MANAGEMENT
charging_points:
  - {number: 1, name: One, model: alfen_eve, connection: {host: 127.0.0.1, port: 5021},
     temperature: {sending: cyclic}}
  - {number: 2, name: Two, model: alfen_eve, connection: {host: 127.0.0.1, port: 5022},
     meter: {model: eastron_sdm630, connection: {host: 127.0.0.1, port: 5023}}}
group_objects: {1: 1/0/1, 10: 1/0/10, 11: 1/0/11, 12: 1/0/12, 13: 1/0/13, 20: 1/0/20, 50: 1/1/50,
  55: 1/1/55, 60: 1/1/60, 62: 1/1/62, 66: 1/1/66, 70: 1/1/70, 82: 1/1/82, 132: 1/2/82, 507: 1/0/7}
"""
SHARINGS = (
    'load_management: {mode: "off"}',
    "load_management: {mode: static, static_limit_a: 20, fuse_a: 35}",
    "load_management: {mode: dynamic, fuse_a: 35, priority: 1, smart_meter: {measurement: power}}",
    "load_management: {mode: dynamic, fuse_a: 35, "
    "smart_meter: {source: modbus, model: eastron_sdm630, connection: {host: 127.0.0.1, port: 5024}}}",
)
Field = tuple[str, str]


def classes() -> list[type]:
    found = [one for _, one in inspect.getmembers(words, dataclasses.is_dataclass)]
    return [one for one in found if isinstance(one, type) and one.__module__ == words.__name__]


def is_use(module: str) -> bool:
    """Tell whether a module does more with a value than to make a configuration of it."""
    if not module.startswith("knxgw."):
        return False
    readers = tuple(f"knxgw.config.{name}" for name in READ_THE_FILE)
    return not module.startswith(readers)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[Field]:
    """Return the fields of configurations that were used since the test began; it grows."""
    used: set[Field] = set()

    def spy(one: object, name: str) -> object:
        frame = sys._getframe(1)
        if is_use(str(frame.f_globals.get("__name__"))):
            used.add((type(one).__name__, name))
        return object.__getattribute__(one, name)

    for kind in classes():
        monkeypatch.setattr(kind, "__getattribute__", spy)
    return used


@pytest.mark.proves("H.75")
async def test_every_field_of_the_configuration_is_read(read: set[Field], tmp_path: Path) -> None:
    for number, sharing in enumerate(SHARINGS):
        text = SITE.replace("LOAD_MANAGEMENT", sharing)
        async with World(text, tmp_path / str(number)) as world:
            world.strict = False
            world.charger().plug(Vehicle())
            world.charger(2).plug(full := Vehicle())
            await world.write("1/0/1", True)
            for _ in range(3):
                await world.write("1/0/10", 1000.0, "14.056")
                await world.sleep(20)
                full.charge_wh = full.capacity_wh  # charges no more: complete
            world.gateway.view()
    file = tmp_path / "site.yaml"
    file.write_text(SITE.replace("LOAD_MANAGEMENT", SHARINGS[0]), encoding="utf-8")
    assert judge_file(file).prepared is None, "nothing is kept"
    (tmp_path / "keys").write_text("for the tests")
    configuration = understood({**PLAIN, "knx": {"link": "none"}}, tmp_path)
    assert configuration is not None
    data = KeyringData(group_keys={"1/1/50": bytes(16)})
    keyring = write_keyring(tmp_path / "k.knxkeys", data, "word")
    (tmp_path / "word").write_text("word")
    await make_every_link(
        dataclasses.replace(
            configuration.knx, keyring=str(keyring), keyring_password_file=str(tmp_path / "word")
        )
    )
    use_the_line(configuration)
    await use_the_panel(configuration)
    host_names(configuration)
    page_functions.trusted_proxy(configuration)
    source_of(update_settings(configuration))
    assert not is_to_look_daily(update_settings(configuration))
    somewhere = Listener(Address("127.0.0.1", 1))
    Announcement(tmp_path, lambda: configuration, lambda: somewhere, system_clock).introduction()
    time_servers(configuration)
    assert knx_server.listening_of(configuration.knx) is not None
    judgement._certificate(load_configuration(file, catalogue()), configuration, None)
    reported = {  # no word of the file: what the checks say of it, and what no source names yet
        "ConfigurationFault",
        "SubmeterSettings",
    }
    fields = {
        (kind.__name__, one.name)
        for kind in classes()
        if kind.__name__ not in reported
        for one in dataclasses.fields(kind)
    }
    # neither: who says it and where, for those who show or change it
    fields -= {("Configuration", "source"), ("PointSettings", "key")}
    assert fields - read == set(), "nothing reads them: parameters nobody should be asked for"


async def make_every_link(knx: words.KnxSettings) -> None:
    for kind in KnxLinkKind:
        if kind not in (KnxLinkKind.NONE, KnxLinkKind.TPUART):
            settings = dataclasses.replace(
                knx, link=kind, gateway_host="127.0.0.1", local_ip="127.0.0.1"
            )
            attachment: Any = make_link(settings)
            link = attachment.link
            given = (link._xknx, link._hooks, link._numbers)
            await link._make(*given[: len(inspect.signature(link._make).parameters)])


async def use_the_panel(configuration: Configuration) -> None:
    board = GpioPanel(FakeGpio({"board": FakeChip()}).own, InlineExecutor())
    async with board.held(living._panel_of(configuration)):
        assert board.is_there


def use_the_line(configuration: Configuration) -> None:
    assert configuration.serial is not None
    line = dataclasses.replace(configuration.serial, protocol="rtu")
    endpoint = SerialEndpoint(line=line)
    assert endpoint.silence_s > 0
    endpoint.client(1.0)
