"""Reads one device model file; the format is described in `docs/models.md`."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from knxgw.catalogue.check_model import check_model
from knxgw.catalogue.control import Control
from knxgw.catalogue.device_model import (
    MAX_REGISTERS,
    Connector,
    DeviceKind,
    DeviceModel,
    FixedBlock,
    Framing,
    ModelId,
    ReadRules,
    SerialDefaults,
    SunSpecChain,
    Transformers,
    Transport,
    WriteRules,
)
from knxgw.catalogue.fields import (
    choice_of,
    flag_of,
    number_of,
    optional_int,
    optional_number,
    text_of,
    texts_of,
)
from knxgw.catalogue.load_control import read_control, read_watchdog
from knxgw.catalogue.load_points import read_computed, read_points
from knxgw.catalogue.load_rules import (
    read_identity,
    read_plug_rules,
    read_simulation,
    read_state_rules,
)
from knxgw.catalogue.points import Computed, Point, Table
from knxgw.catalogue.yaml_tree import Node

_KEYS = (
    "id",
    "ets_id",
    "manufacturer",
    "model",
    "variants",
    "confirmed",
    "sources",
    "interface",
    "sunspec",
    "transformers",
    "connectors",
    "read",
    "write",
    "control",
    "watchdog",
    "state_rules",
    "plug_rules",
    "identity",
    "points",
    "setup",
    "quirks",
    "simulator",
)
_INTERFACE_KEYS = (
    "transports",
    "port",
    "unit_id",
    "byte_order",
    "word_order",
    "max_clients",
    "idle_timeout_s",
    "connection_s",
    "response_timeout_s",
    "request_gap_s",
    "connect_delay_s",
    "framing",
    "wake_after_s",
    "serial",
)
_SERIAL_KEYS = ("baud", "data_bits", "parity", "stop_bits")
SUNSPEC_HEADER = 2  # registers at the start of a SunSpec model: its id and its length

# What a capability of an object needs: any one of these points.
_CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "current": ("current_sum", "current_l1"),
    "current_l1": ("current_l1",),
    "current_l2": ("current_l2",),
    "current_l3": ("current_l3",),
    "power": ("power", "power_l1"),
    "power_l1": ("power_l1",),
    "power_l2": ("power_l2",),
    "power_l3": ("power_l3",),
    "energy": ("energy_total", "energy_total_l1"),
    "energy_l1": ("energy_total_l1",),
    "energy_l2": ("energy_total_l2",),
    "energy_l3": ("energy_total_l3",),
    "session_energy": ("energy_session", "energy_total", "energy_total_l1", "power", "power_l1"),
    "evccid": ("evccid",),
    "serial": ("serial",),
    "firmware": ("firmware",),
    "temperature": ("temperature",),
    "temperature_warning": ("temperature_warning", "temperature"),
    "rfid": ("rfid",),
    "fault_info_1": ("error_1",),
    "fault_info_2": ("error_2",),
    "fault_info_3": ("error_3",),
    "fault_info_4": ("error_4",),
}


def read_model(root: Node, kind: DeviceKind) -> DeviceModel | None:
    """Return the model, or None when something essential is missing (see the findings)."""
    root.only_keys(_KEYS)
    required = [root.require(key) for key in ("id", "ets_id", "interface", "points", "sources")]
    id_node, ets_node, interface, points_node, sources = required
    if not (id_node and ets_node and interface and points_node and sources):
        return None
    interface.only_keys(_INTERFACE_KEYS)
    points = read_points(points_node, interface)
    computed = read_computed(points_node, points)
    chain = _read_chain(root)
    if chain:
        points = _at_model(chain, points, points_node)
    read = _read_read_rules(root)
    _check_spans(points, read, points_node)
    control = read_control(root, points) if kind is DeviceKind.CHARGER else None
    watchdog = read_watchdog(root, points)
    model = DeviceModel(
        id=ModelId(id_node.text()),
        ets_id=ets_node.integer(1, 65535) or 0,
        kind=kind,
        manufacturer=text_of(root, "manufacturer"),
        model=text_of(root, "model"),
        variants=texts_of(root, "variants"),
        sources=texts_of(root, "sources"),
        is_confirmed=flag_of(root, "confirmed"),
        transports=_read_transports(interface),
        port=int(number_of(interface, "port", 502, low=0)),
        unit_id=int(number_of(interface, "unit_id", 1, low=0)),
        connectors=_read_connectors(root),
        max_clients=optional_int(interface, "max_clients"),
        idle_timeout_s=optional_number(interface, "idle_timeout_s", low=0),
        connection_s=optional_number(interface, "connection_s", low=1),
        response_timeout_s=number_of(interface, "response_timeout_s", 2.0, low=0),
        request_gap_s=number_of(interface, "request_gap_s", 0.0, low=0),
        connect_delay_s=number_of(interface, "connect_delay_s", 0.0, low=0),
        read=read,
        write=_read_write_rules(root),
        control=control,
        watchdog=watchdog,
        state_rules=read_state_rules(root, points),
        plug_rules=read_plug_rules(root, points),
        points=points,
        computed=computed,
        chain=chain,
        capabilities=_capabilities(points, computed, control),
        setup=texts_of(root, "setup"),
        quirks=texts_of(root, "quirks"),
        simulation=read_simulation(root, points),
        framing=Framing(choice_of(interface, "framing", tuple(Framing), Framing.STANDARD)),
        wake_after_s=_read_wake_after(interface),
        identity=read_identity(root, points),
        serial=_read_serial(interface),
        transformers=_read_transformers(root, points),
    )
    check_model(model, root)
    return model


def _read_wake_after(interface: Node) -> float | None:
    """Return after how long without a request [s] the device sleeps; None: it never does."""
    wake_after_s = optional_number(interface, "wake_after_s", low=0)
    timeout_s = number_of(interface, "response_timeout_s", 2.0, low=0)
    if wake_after_s is not None and wake_after_s <= timeout_s:
        interface.report(
            f"wake_after_s {wake_after_s:g} is not longer than response_timeout_s {timeout_s:g}",
            "the device would sleep again while its answer is waited for: wait less long",
        )
    return wake_after_s


def _read_transformers(root: Node, points: Mapping[str, Point]) -> Transformers:
    """Return where a ratio is applied; it is read exactly where values are multiplied by it."""
    node = root.get("transformers")
    word = (node.choice(tuple(Transformers)) if node else None) or Transformers.NONE
    is_read = any(point.ratio_points for point in points.values())
    if is_read != (word == Transformers.READ):
        (node or root).report(
            f"transformers is {word}, but {'some' if is_read else 'no'} point has `times`",
            "write `transformers: read` where the ratio is read, and nowhere else",
        )
    return Transformers(word)


def _capabilities(
    points: Mapping[str, Point], computed: Mapping[str, Computed], control: Control | None
) -> frozenset[str]:
    """Return what a device can do, from the points it has."""
    readable = {name for name, point in points.items() if point.is_readable} | computed.keys()
    found = {name for name, needed in _CAPABILITIES.items() if readable.intersection(needed)}
    if control and control.unlock:
        found.add("unlock")
    if control and control.has_start_stop:
        found.add("start_stop")
    return frozenset(found)


def _read_chain(root: Node) -> SunSpecChain | None:
    """Return where a SunSpec device keeps its registers; None: it is no such device."""
    node = root.get("sunspec")
    if node is None:
        return None
    node.only_keys(("bases", "models", "length", "table"))
    bases, models, length = (node.require(name) for name in ("bases", "models", "length"))
    if not (bases and models and length):
        return None
    return SunSpecChain(
        bases=tuple(base for item in bases.items() if (base := item.integer(0, 65533)) is not None),
        models=tuple(number for item in models.items() if (number := item.integer(1, 65534))),
        length=length.integer(1, 65535) or 1,
        table=Table(choice_of(node, "table", ("holding", "input"), "holding")),
    )


def _at_model(chain: SunSpecChain, points: Mapping[str, Point], node: Node) -> Mapping[str, Point]:
    """Return the points, whose addresses count from the model that will be found."""
    if not (chain.bases and chain.models):
        node.report("nothing says where the model is", "name bases and models of `sunspec`")
    for name, point in points.items():
        end = point.address + point.count
        if point.unit_id is not None or point.table is not chain.table:
            node.mapping()[name].report("is not in the model's table", f"write {chain.table}")
        elif not SUNSPEC_HEADER <= point.address < end <= SUNSPEC_HEADER + chain.length:
            node.mapping()[name].report("is outside the model", "count from the model's id")
    return MappingProxyType({name: replace(p, is_relative=True) for name, p in points.items()})


def _read_transports(interface: Node) -> tuple[Transport, ...]:
    """Return how the device can be reached."""
    node = interface.require("transports")
    words = [item.choice([t.value for t in Transport]) for item in node.items()] if node else []
    return tuple(Transport(word) for word in words if word)


def _read_serial(interface: Node) -> SerialDefaults | None:
    """Return the factory settings of the serial line; None: not known."""
    node = interface.get("serial")
    if node is None:
        return None
    node.only_keys(_SERIAL_KEYS)
    return SerialDefaults(
        baud=int(number_of(node, "baud", 9600, low=1)),
        data_bits=int(number_of(node, "data_bits", 8, low=7)),
        parity=choice_of(node, "parity", ("N", "E", "O"), "N"),
        stop_bits=int(number_of(node, "stop_bits", 1, low=1)),
    )


def _read_connectors(root: Node) -> tuple[Connector, ...]:
    """Return the connectors of a charger; one that names none has a single one."""
    node = root.get("connectors")
    if node is None:
        return (Connector(number=1, unit_id=None, address_offset=0, port_offset=0),)
    connectors = []
    for item in node.items():
        item.only_keys(("number", "unit_id", "address_offset", "port_offset"))
        connectors.append(
            Connector(
                number=int(number_of(item, "number", 1, low=0)),
                unit_id=optional_int(item, "unit_id"),
                address_offset=int(number_of(item, "address_offset", 0, low=0)),
                port_offset=int(number_of(item, "port_offset", 0, low=0)),
            )
        )
    return tuple(connectors)


def _read_read_rules(root: Node) -> ReadRules:
    """Return the limits of a read request; without any, everything may be read at once."""
    node = root.get("read")
    if node is None:
        return ReadRules(
            is_single=False, max_registers=MAX_REGISTERS, gap_registers=0, min_interval_s=0.0
        )
    node.only_keys(("block", "blocks", "max_registers", "gap_registers", "min_interval_s"))
    block = node.get("block")
    return ReadRules(
        is_single=block is not None and block.choice(("single", "merged")) == "single",
        max_registers=int(number_of(node, "max_registers", MAX_REGISTERS, low=0)),
        gap_registers=int(number_of(node, "gap_registers", 0, low=0)),
        min_interval_s=number_of(node, "min_interval_s", 0.0, low=0),
        blocks=_read_fixed_blocks(node),
    )


def _read_fixed_blocks(node: Node) -> tuple[FixedBlock, ...]:
    """Return the blocks of registers that the device gives only all at once."""
    child = node.get("blocks")
    blocks: list[FixedBlock] = []
    for item in child.items() if child else ():
        children = item.only_keys(("table", "address", "count"))
        address, count = item.require("address"), item.require("count")
        if address is None or count is None:
            continue
        word = children["table"].choice(tuple(Table)) if "table" in children else None
        block = FixedBlock(
            table=Table(word or Table.HOLDING),
            address=address.integer(0, 65535) or 0,
            count=count.integer(1, MAX_REGISTERS) or 1,
        )
        if any(block.touches(one.table, one.address, one.count) for one in blocks):
            item.report("overlaps another block", "a register belongs to one block at most")
        blocks.append(block)
    return tuple(blocks)


def _check_spans(points: Mapping[str, Point], read: ReadRules, node: Node) -> None:
    """Report a value whose exponent no single request can bring along."""
    for name, point in points.items():
        exponent = points.get(point.scale_from or "")
        if exponent is None:
            continue
        start = min(point.address, exponent.address)
        end = max(point.address + point.count, exponent.address + exponent.count)
        if read.is_single or end - start > read.max_registers:
            node.mapping()[name].report(
                f"cannot be read together with {exponent.name!r}", "see `read` of this file"
            )


def _read_write_rules(root: Node) -> WriteRules:
    """Return how the device is written to."""
    node = root.get("write")
    if node is None:
        return WriteRules(functions=(), min_interval_s=0.0)
    node.only_keys(("functions", "min_interval_s"))
    functions = node.get("functions")
    codes = [item.integer(5, 16) for item in functions.items()] if functions else []
    return WriteRules(
        functions=tuple(code for code in codes if code),
        min_interval_s=number_of(node, "min_interval_s", 0.0, low=0),
    )
