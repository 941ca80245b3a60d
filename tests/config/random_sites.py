"""Sites drawn at random, as nested texts: nearly all of them are configurations."""

from math import ceil, floor
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from knxgw.catalogue.device_model import Transport
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.group_objects import definitions
from knxgw.config.schema import Section, build_schema

CHARGERS = (
    *("keba_p30", "alfen_eve", "abb_terra_ac", "goe_charger", "heidelberg_energy_control"),
    *("vestel_evc04_webasto_unite", "webasto_next", "mennekes_amtron_xtra"),
)
METERS = ("eastron_sdm630", "eastron_sdm120", "siemens_pac2200_3200_4200")
SCHEMA = build_schema(catalogue().parameters)
POINT = SCHEMA.sections["charging_points"]
SMART_METER = SCHEMA.sections["load_management"].sections["smart_meter"]
Section_ = dict[str, Any]


@st.composite
def sites(draw: DrawFn) -> dict[str, Any]:
    """Return a site."""
    numbers = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True))
    site: dict[str, Any] = {
        "knx": draw(_knx()),
        "charging_points": [draw(_point(number)) for number in numbers],
        "group_objects": draw(_links()),
    }
    for name in ("device", "grid_supporting_control"):
        if draw(st.booleans()):
            site[name] = draw(_some_of(SCHEMA.sections[name]))
    if draw(st.booleans()):
        site["serial"] = {**draw(_some_of(SCHEMA.sections["serial"])), "port": "/dev/ttyUSB0"}
        site["serial"]["data_bits"] = "8"
    if draw(st.booleans()):
        site["load_management"] = draw(_load_management(numbers))
    return site


SAMPLES = {
    ParameterType.TIME_ZONE: ["UTC", "Europe/Berlin", "America/Sao_Paulo"],
    ParameterType.TEXT: ["Left", "Garage", "Ä 7"],
    ParameterType.HOSTS: ["garage", "garage, garage.example.org", "10.0.0.1"],
    ParameterType.WEB_ADDRESS: ["https://example.org/firmware.json"],
}


def _text(parameter: ParameterDefinition) -> SearchStrategy[str]:
    """Return what may stand behind a key."""
    words = [one.value for one in parameter.choices]
    low, high = parameter.low or 0.0, parameter.high or 0.0
    match parameter.type:
        case ParameterType.INTEGER:
            drawn: SearchStrategy[str] = st.integers(int(low), int(high)).map(str)
        case ParameterType.NUMBER:
            drawn = st.integers(ceil(low * 10), floor(high * 10)).map(lambda one: str(one / 10))
        case ParameterType.CHOICE:
            return st.sampled_from(words)
        case kind:
            return st.sampled_from(SAMPLES.get(kind, [parameter.default or ""]))
    return drawn | st.sampled_from(words) if words else drawn


def _some_of(section: Section, *left_out: str) -> SearchStrategy[Section_]:
    """Draw some parameters of a section, and some sections below it."""
    fields = {name: _text(one) for name, one in section.parameters.items() if name not in left_out}
    below = {
        name: _some_of(one)
        for name, one in section.sections.items()
        if name not in left_out and not one.is_list
    }
    return st.fixed_dictionaries({}, optional={**fields, **below})


def _knx() -> SearchStrategy[Section_]:
    return st.sampled_from(
        [
            {"link": "none"},
            {"link": "tunnelling", "gateway": "192.168.1.10"},
            {"link": "tunnelling", "gateway": "knx.example:3700", "local_ip": "192.168.1.2"},
            {"link": "tunnelling_tcp", "gateway": ":3671", "individual_address": "1.1.5"},
            {"link": "tunnelling_tcp", "gateway": "10.0.0.9", "keyring": "/etc/house.knxkeys"},
            {"individual_address": "15.15.254", "multicast_group": "224.0.23.13"},
            {"link": "routing", "keyring": "/k", "keyring_password_file": "/p"},
        ]
    )


@st.composite
def _connection(draw: DrawFn, transports: tuple[Transport, ...], host: str) -> Section_:
    kind = "tcp" if Transport.TCP in transports else "rtu_over_tcp"
    connection = {"type": kind, "host": host}
    if draw(st.booleans()):
        connection["port"] = str(draw(st.integers(1, 65535)))
    if draw(st.booleans()):
        connection["unit"] = str(draw(st.integers(1, 247)))
    return connection


@st.composite
def _point(draw: DrawFn, number: int) -> Section_:
    model = draw(st.sampled_from([one for one in CHARGERS if one in catalogue().chargers]))
    reserved = ("number", "model", "minimum_a", "maximum_a", "connection", "meter")
    point: Section_ = {**draw(_some_of(POINT, *reserved)), "number": str(number), "model": model}
    transports = catalogue().chargers[model].transports
    if draw(st.integers(0, 9)) > 0:  # else it is disabled
        point["connection"] = draw(_connection(transports, f"10.0.0.{number}"))
    if draw(st.booleans()):
        point["minimum_a"] = str(draw(st.integers(6, 10)))
        point["maximum_a"] = str(draw(st.integers(10, 16)))
    if draw(st.booleans()):
        point["meter"] = draw(_meter(f"10.0.1.{number}"))
    return point


@st.composite
def _meter(draw: DrawFn, host: str) -> Section_:
    if draw(st.booleans()):
        model = draw(st.sampled_from([one for one in METERS if one in catalogue().meters]))
        transports = catalogue().meters[model].transports
        described: Section_ = {"model": model}
    else:
        transports = (Transport.TCP,)
        described = {"manual": draw(_registers())}
    if draw(st.booleans()):
        described["ratio"] = str(draw(st.integers(1, 40)))
    return {**described, "connection": draw(_connection(transports, host))}


@st.composite
def _registers(draw: DrawFn) -> Section_:
    first = draw(st.integers(0, 60_000))
    types = st.sampled_from(["u32", "i32", "f32"])
    quantities: Section_ = {}
    for place, name in enumerate(draw(st.sampled_from([("current",), ("current", "power")]))):
        addresses = {f"l{n + 1}": str(first + 10 * place + 2 * n) for n in range(3)}
        quantities[name] = {"type": draw(types), "scale": "0.1", **addresses}
    return {"function": draw(st.sampled_from(["3", "4"])), "word_order": "little", **quantities}


@st.composite
def _load_management(draw: DrawFn, numbers: list[int]) -> Section_:
    mode = draw(st.sampled_from(["off", "static", "dynamic"]))
    settings: Section_ = {"mode": mode, "priority": str(draw(st.sampled_from([*numbers, "none"])))}
    if mode == "static":
        settings["static_limit_a"] = str(draw(st.integers(16, 63)))
    if mode == "dynamic" or draw(st.booleans()):
        settings |= {"fuse_a": str(draw(st.integers(25, 63))), "reserve_a": "2.5"}
    settings |= draw(st.fixed_dictionaries({}, optional={"queue": st.just("on")}))
    if mode == "dynamic" and draw(st.booleans()):
        settings["smart_meter"] = draw(
            _some_of(SMART_METER, "source", "measurement", "dpt", *SMART_METER.sections)
            if draw(st.booleans())
            else st.just({"source": "modbus", "model": "eastron_sdm630"} | {"connection": _MAINS})
        )
    return settings


_MAINS = {"type": "rtu_over_tcp", "host": "10.0.2.1", "unit": "9"}


def _links() -> SearchStrategy[Section_]:
    numbers = st.sampled_from([str(number) for number in definitions(catalogue())])
    address = st.builds("{}/{}/{}".format, *map(st.integers, (0, 0, 1), (31, 7, 255)))
    return st.dictionaries(
        numbers, st.lists(address, min_size=1, max_size=3, unique=True), max_size=8
    )
