"""Frames that somebody has changed: cut, longer, with other services, octets and lengths."""

import random
from collections.abc import Iterator

from xknx.cemi import CEMIMessageCode
from xknx.knxip import (
    SRP,
    ConnectionStateRequest,
    ConnectRequestInformation,
    DescriptionRequest,
    DeviceConfigurationAck,
    DeviceConfigurationRequest,
    DIBTypeCode,
    DisconnectRequest,
    DisconnectResponse,
    KNXIPServiceType,
    RoutingIndication,
    SearchRequest,
    SearchRequestExtended,
    TunnellingAck,
    TunnellingFeatureGet,
    TunnellingFeatureSet,
    TunnellingRequest,
)
from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import GroupValueRead

from tests.knxip.trial import (
    CLIENT,
    DATA,
    MANAGEMENT,
    STREAM,
    TUNNEL,
    cemi,
    connect,
    group_read,
    hpai,
    raw,
    telegram,
)
from tests.support.knxip_device import TUNNELS

MESSAGES = [
    cemi(group_read()),
    cemi(telegram(IndividualAddress("1.1.5"), GroupValueRead())),
    cemi(group_read(), CEMIMessageCode.L_DATA_IND),
    *map(
        bytes.fromhex,
        [
            *("fc000b014ca001", "f6000b014c200158", "f80011013300aa", "f900110133", "f1"),
            *("4100000000000000010300", "4a00000000000000010300", "1104ffffffffbce000000a03010000"),
        ],
    ),
]
_SEARCHES = [
    SRP.with_programming_mode(),
    SRP.with_mac_address(bytes(6)),
    SRP.request_device_description([DIBTypeCode.DEVICE_INFO, DIBTypeCode.TUNNELING_INFO]),
]
FRAMES = [
    raw(SearchRequest(hpai(CLIENT))),
    raw(SearchRequestExtended(hpai(CLIENT), _SEARCHES)),
    raw(DescriptionRequest(hpai(CLIENT))),
    connect(TUNNEL, CLIENT, DATA),
    connect(ConnectRequestInformation(individual_address=TUNNELS[1]), CLIENT, DATA),
    connect(MANAGEMENT, CLIENT, DATA),
    connect(TUNNEL, STREAM, STREAM),
    raw(ConnectionStateRequest(1, hpai(CLIENT))),
    raw(DisconnectRequest(2, hpai(CLIENT))),
    raw(DisconnectResponse(1)),
    raw(TunnellingAck(1, 0)),
    raw(DeviceConfigurationAck(3, 0)),
    raw(TunnellingFeatureGet(1, 0)),
    raw(TunnellingFeatureSet(1, 0, data=b"\1")),
    raw(RoutingIndication(raw_cemi=MESSAGES[2])),
    *(raw(TunnellingRequest(1, 0, one)) for one in MESSAGES),
    *(raw(DeviceConfigurationRequest(3, 0, one)) for one in MESSAGES),
]
_SERVICES = [one.value for one in KNXIPServiceType]


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Return so many frames, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - to be the same again
    for _ in range(count):
        yield mutant(chance)


def mutant(chance: random.Random) -> bytes:
    """Return a frame that was changed in some places, or not at all."""
    frame = bytearray(chance.choice(FRAMES))
    for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
        _change(frame, chance)
    if chance.random() < 0.8 and len(frame) >= 6:
        frame[4:6] = len(frame).to_bytes(2, "big")  # so that it is read at all
    return bytes(frame)


def _change(frame: bytearray, chance: random.Random) -> None:
    at = chance.randint(0, len(frame))
    match chance.randint(0, 5):
        case 0:
            del frame[at:]
        case 1:
            frame[at:at] = chance.randbytes(chance.choice((1, 2, 8, 300, 1500)))
        case 2:
            del frame[at : at + chance.randint(1, 8)]
        case 3:
            frame[at : at + 1] = bytes(
                (chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randint(0, 255))),)
            )
        case 4:
            frame[2:4] = chance.choice(_SERVICES).to_bytes(2, "big")
        case _:
            frame += chance.choice(FRAMES)[: chance.randint(0, 40)]  # one in the other
