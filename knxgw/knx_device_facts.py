"""What people see of the KNX device of a running gateway, and of its server."""

from knxgw.device.condition import Circumstances, condition_of
from knxgw.device.identity import MASK_VERSION
from knxgw.device.ip_secure import ip_security
from knxgw.device.loading import Loadable
from knxgw.device.memory import crc16
from knxgw.device.model import DeviceModel
from knxgw.device.secured_groups import secured_groups
from knxgw.device.security import TOOL_KEY, counts_of
from knxgw.device.tables import row_count
from knxgw.gateway import Gateway
from knxgw.knx.secure_apdu import Failure
from knxgw.knx_server import KnxServer
from knxgw.website.knx_facts import (
    KnxDeviceFacts,
    LoadableFacts,
    ProgramFacts,
    SecurityFacts,
)


def knx_device_facts(gateway: Gateway, server: KnxServer) -> KnxDeviceFacts:
    """Return the device as it is; in the event loop only."""
    programmed = gateway.programmed
    model, device = programmed.model, programmed.management.device
    download = programmed.management.last_download()
    now = Circumstances(
        stage=programmed.stage,
        ending=None if download is None else download.ending,
        is_connected=device.is_connected,
        has_own=programmed.own is not None,
        cannot_run=programmed.cannot_run,
    )
    line = gateway.line.device
    return KnxDeviceFacts(
        at=gateway.valid_now(),
        individual_address=str(line.individual_address if line else programmed.address),
        is_address_programmed=model.address.programmed is not None,
        serial_number=programmed.serial_number,
        mask_version=MASK_VERSION,
        is_programming=gateway.panel.is_programming,
        program=_program(model),
        condition=condition_of(model, now),
        has_own=programmed.own is not None,
        findings=programmed.findings,
        security=_security(model),
        tool=None if device.peer is None else str(device.peer),
        loadables=tuple(_loadable(one) for one in model.loadables.values() if one.has_memory),
        download=download,
        server=server.facts(),
        link={} if line is None else line.counted(),
    )


def _security(model: DeviceModel) -> SecurityFacts:
    groups = secured_groups(model)
    kinds = (one.name.lower() for one in Failure)
    return SecurityFacts(
        can_be_commissioned=bool(model.identity.fdsk),
        is_commissioned=bool(model.kept[TOOL_KEY]),
        is_on=model.is_secure,
        secured_addresses=None if groups is None else len(groups.keys),
        session_users=len(ip_security(model.kept, ()).users),
        failures=dict(zip(kinds, counts_of(model.kept), strict=True)),
    )


def _program(model: DeviceModel) -> ProgramFacts | None:
    """Return the application program, None: nobody has named one."""
    said = model.kept["application.program_version"]
    if not any(said):
        return None
    manufacturer, number = (int.from_bytes(said[at : at + 2], "big") for at in (0, 2))
    return ProgramFacts(manufacturer=manufacturer, number=number, version=said[4])


def _loadable(one: Loadable) -> LoadableFacts:
    content = one.segment.content
    return LoadableFacts(
        name=one.definition.key,
        index=one.definition.index,
        state=one.state,
        entries=row_count(one.definition.index, content) if one.is_loaded else None,
        octets=one.segment.octets,
        crc=crc16(content) if one.is_loaded else None,
        error=one.error,
    )
