"""Writes the page of the KNX device, `docs/knx-device.md`, from the catalogue and the device's own tables; pure."""

from collections.abc import Iterable

from knxgw.catalogue.interface_objects import (
    InterfaceObjectDefinition,
    InterfaceObjects,
    LoadEvent,
    LoadState,
    PropertyDefinition,
)
from knxgw.catalogue.product import Catalogue
from knxgw.config.parameter_memory import size_of
from knxgw.device.download import UNLOADED_S
from knxgw.device.identity import MASK_VERSION, MAX_APDU_LENGTH
from knxgw.device.memory import ARENAS
from knxgw.device.transport_layer import ACKNOWLEDGE_S, CONNECTION_S, MOST_REPETITIONS

_INTRODUCTION = f"""\
# The KNX device

For integrators who want to know what ETS meets, and for contributors. The gateway is a KNX IP device of mask
version {MASK_VERSION:04X} (System B). KNX tools find it, give it an individual address, read its properties, download and
unload it, and have it restart: over routing, through a KNX IP interface or router, and through its own
KNXnet/IP server (`knx.server_port`), which on a machine without a KNX connection listens at 127.0.0.1:3671.

**There is no product entry for ETS yet**, so ETS cannot make a download for it. xknx's management procedures do
everything described here; [tests](../tests/device/) hold it, with the download of ETS 6 to a device of the same
management model. Where the site uses a keyring, the device answers only tools with the tool key, and who looks for devices in
programming mode.

```sh
knxgw demo                                             # in one terminal
python -m xknx scan --local-ip 127.0.0.1               # in another one: the gateway and its tunnels
python -m xknx group read --gateway 127.0.0.1 1/1/50   # the state of charging point 1
```

## What it does when ETS loads it

- While any object is being loaded, or some are loaded and others not, nothing is controlled: the APP LED flashes slowly, as
  without a configuration, and chargers keep the offer for the time without the gateway.
- When all are loaded and the device restarts (or no tool has had a connection for six seconds), parameters and tables become the running
  configuration. The program does not start again; KNX connection and website stay.
- A device that ETS has unloaded does what its own configuration file says, {UNLOADED_S:.0f} s later.
- ETS does not know the settings by which it reaches the device (KNX connection, website, front panel, firmware, time servers): they come from
  the device's own file in any case.
- What cannot run is written to the log, with the number of the parameter, and nothing is controlled.

Everything that a tool writes is stored before it is answered. A power cut at any moment leaves each object as it was loaded before, being loaded,
or unloaded, never half of one that runs. A factory reset erases it all; the serial number stays.
"""
_SERVICES = f"""\
## Services

| service | answer |
|---|---|
| connection (T_Connect …) | one at a time; another tool is told T_Disconnect. It ends after {CONNECTION_S:.0f} s without traffic. An answer is repeated {MOST_REPETITIONS} times, each {ACKNOWLEDGE_S:.0f} s without T_ACK |
| A_DeviceDescriptor_Read | {MASK_VERSION:04X}; other types than 0: type 3F |
| A_PropertyValue_Read, Write; A_PropertyDescription_Read | the tables below; what is not there, too long or not allowed: number of elements 0 |
| A_PropertyExtValue_Read, WriteCon, WriteUnCon; A_PropertyExtDescription_Read | the same by type and instance, with return codes |
| A_FunctionPropertyCommand, StateRead; A_FunctionPropertyExt… | group object diagnostics, see below; what is no function: no return code, or FE by type |
| A_Memory_Read, Write; A_UserMemory_…; A_MemoryExtended_… | memory that is allocated; written only while its object is being loaded, as a whole or not at all. Verify mode is bit 2 of device control |
| A_Authorize_Request | level 0 for the key FFFFFFFF, 3 for others |
| A_Restart | the device restarts: connections, programming mode and verify mode end. Chargers and telegrams go on |
| master reset (A_Restart with erase code) | see below; the answer leaves first |
| A_IndividualAddress_Read, Write | in programming mode |
| A_IndividualAddressSerialNumber_Read, Write | with our serial number |
| A_SystemNetworkParameter_Read | serial number of devices in programming mode, without an address, just switched on |
| A_NetworkParameter_Read | whether we use one of some group addresses |
| S-A_Data, S-A_Sync (KNX Data Secure) | with the tool key, encrypted: everything above, answered in the same way; see KNX Secure below |
| anything else | is acknowledged in a connection, and has no answer |

| erase code | erases |
|---|---|
| 1 | nothing: a restart that is confirmed |
| 2 | everything that a tool has written; the tool key is the factory key (FDSK) again, security mode is off |
| 3 | the individual address: 15.15.255 |
| 4, 5 | the application program with its parameters, unless it is being loaded |
| 6 | group addresses and associations |
| 7 | as 2, but for the individual address, tool key and security mode |

While security mode is on, only tools with the tool key may ask for 1, 2 and 5 to 7; 3 and 4 do not exist then.

The longest APDU is {MAX_APDU_LENGTH} octets.
"""
_SECURITY = """\
## KNX Secure

**Data Secure.** `knxgw device-certificate` shows the device certificate: serial number and factory key (FDSK), as 36 characters and as a
QR code. With that a tool speaks to a device that no project has taken yet: it synchronises sequence numbers, gives the individual
address by serial number, switches security mode on and writes the tool key of the project, which is the only one that
opens the device from then on. The factory key is made at the first start, outlives every reset, and holds again after a factory reset.

- While security mode is on, whoever has no tool key may do what the column *access* of the tables says, behind the stroke: find the
  device, read what tells it apart and the states of loading, and nothing else. Level and key of A_Authorize make no difference.
- A telegram is taken once: each number has to be higher than the last of the same sender, power cuts included. Of what is refused the
  device counts four kinds (property 55), and describes the last five.
- Group addresses with a key (property 53) are secured from the end of the download on, for senders of property 54. A group object
  uses only addresses that are secured as its flags say (property 61: 00 or 03). Keys of ETS replace those of a keyring.
- Only encryption with authentication is served. Keys with single devices, roles and secure routing are kept and not used.

**IP Secure.** Sessions by TCP, as soon as ETS has written the hash of a password (property 93). User 1 may open device management,
others the tunnels of property 97. A family of property 94 is refused plain; searches and descriptions stay plain. A session ends 10 s after its
begin without a user, after 60 s without a frame, or with its TCP connection; then its tunnels end, too. Sixteen sessions have room, four of
one TCP connection; those without a user give way, and a host that has given five wrong passwords waits. When the device starts
again, connections end that could not be opened any more.

The column *access*: who may write and read while security mode is off, and while it is on. Each is a number of ten bits: write and read for
anybody, for a role (encrypted, then only authenticated), and for a tool (the same).
"""
_DIAGNOSTICS = """\
## Group object diagnostics

Property 66 of the group object table is a function by which a tool looks at single group objects and sends from the device. A request
is 00, the number of a service and what stands in the table; an answer the return code, the number, and more. `GO` is the number of a
group object, two octets, `GA` a group address.

| service | request | answer |
|---|---|---|
| command 0: set a local value | GO, value | 21: GO, status, value |
| command 1: send A_GroupValue_Write | flags, GA, value | 00 |
| command 2: send the local value | GO | 21: GO, status, value |
| command 3: send A_GroupValue_Read | flags, GA | 00 |
| command 4: limit the senders | | F3: it is for a diagnostic mode, which the device does not have |
| state 0: configuration | GO | 20: GO; 04 (it has a group address) and the flags of its table; size code; main and sub number of the datapoint type |
| state 1: local value | GO | 21: GO, status, value |

| return code | means |
|---|---|
| A1 | there is no such group object, or it has no group address |
| A2 | its flags do not allow it: command 0 needs C and W, command 2 C and T |
| A3 | its value has another size |
| F2 | there is no such service |
| F3 | not now: the device does not run, is being loaded, has no bus, or its site uses a keyring |
| F8 | no group address of ours, a reserved or a security flag, or no value |
| FF | anything else: a request that cannot be read (without the number of the service), a value that is none, a group object whose value is not known |

Command 0 does what a telegram to this group object does: the station decides about it as about any telegram. Commands 1 and 3 also
reach our own group objects on that address. In the flags, bit 7 puts a value that would fit into the octet of the service behind it. The
status is always 00. Values of less than 8 bits stand in one octet. Inputs such as 55 have no local value.
"""
_MEMORY = """\
## Memory

Each object has its segment at a fixed address, so a partial download finds it where and as it was. The
size is the one that the tool allocates; a fill value is filled in. The memory control block (property 27) is there once the
object is loaded: size, access FF, CRC-16/AUG-CCITT over the whole segment.

| object | address | at most |
|---|---|---|
"""
_TABLES = """\
| table | its content, most significant octet first |
|---|---|
| group addresses | count; addresses in ascending order, each once |
| associations | count; pairs of the place of an address in its table (from 1) and the number of a group object. The first pair of a group object is the address that it sends to |
| group objects | count; for each number from 1 on: flags (update 80, transmit 40, read on init 20, write 10, read 08, communication 04, priority 03), then the size: 0 to 6 one to seven bits, 7 to 14: 1, 2, 3, 4, 6, 8, 10, 14 octets |

Group objects have the numbers of [objects.md](objects.md). A table that says more rows than it has, or addresses
that are not sorted, end in the state error instead of loaded.
"""


def knx_device_page(catalogue: Catalogue) -> str:
    """Return the whole page."""
    rules = catalogue.interface_objects
    parts = [
        "<!-- Made by `make generate` from product_db/: change that, not this page. -->\n",
        _INTRODUCTION,
        _SERVICES,
        _SECURITY,
        "## Interface objects\n",
        *(_object(one) for one in rules.objects),
        _DIAGNOSTICS,
        _load_states(rules),
        _MEMORY + _arenas(rules),
        f"The parameters take {size_of(catalogue.parameters)} octets; `knxgw/config/parameter_memory.py` says which octets are whose.\n",
        _TABLES,
    ]
    return "\n".join(parts)


def _object(one: InterfaceObjectDefinition) -> str:
    head = f"### {one.index}: {one.text} (type {one.type})\n\n"
    table = (
        "| id | property | data type | elements | read | write | access | kept |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    return head + table + "".join(_property(each) for each in one.properties)


def _property(one: PropertyDefinition) -> str:
    levels = ["-" if level is None else str(level) for level in (one.read_level, one.write_level)]
    name = one.type.name.lower()
    kept = "yes" if one.is_kept else ""
    return f"| {one.id} | {one.text} | {name} | {one.elements} | {levels[0]} | {levels[1]} | {one.policy} | {kept} |\n"


def _load_states(rules: InterfaceObjects) -> str:
    head = (
        "## States of loading\n\nWhat each event (first octet of the ten that are written to property 5) makes of each state; an error "
        "has its code (DPT 20.011) in property 28. While an object is being loaded, event 3 with 0B allocates memory: no room is "
        "error 13, another kind of allocation error 11.\n\n"
        "| state | 1 start loading | 2 load completed | 3 additional | 4 unload | other |\n|---|---|---|---|---|---|\n"
    )
    return head + "".join(_state(rules, state) for state in LoadState)


def _state(rules: InterfaceObjects, state: LoadState) -> str:
    cells = list(_cells(rules, state))
    return f"| {state.value} {state.name.lower()} | {' | '.join(cells)} |\n"


def _cells(rules: InterfaceObjects, state: LoadState) -> Iterable[str]:
    for event in LoadEvent:
        if state is LoadState.LOADING and event is LoadEvent.ADDITIONAL:
            yield "allocates"
            continue
        after = rules.after(state, event)
        code = f" ({after.error})" if after.error else ""
        yield "stays" if after.state is state and not code else f"{after.state.name.lower()}{code}"


def _arenas(rules: InterfaceObjects) -> str:
    names = {one.index: one.text for one in rules.objects}
    return "".join(
        f"| {index}: {names[index]} | {arena.address:04X} | {arena.octets} octets |\n"
        for index, arena in sorted(ARENAS.items())
    )
