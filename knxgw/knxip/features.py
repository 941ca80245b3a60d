"""What a client may ask of its tunnel, and set: the features of the interface.

Source: [xknx] `knxip/tunnelling_feature.py`.
"""

from xknx.knxip import KNXIPServiceType as Service
from xknx.knxip.knxip_enum import TunnellingFeatureType as Feature
from xknx.telegram.apci import ReturnCode

from knxgw.errors import DecodeError
from knxgw.knxip.channel import Channel
from knxgw.knxip.ports import Description

_CEMI_SUPPORTED = bytes((0, 4))  # a bit set
_CEMI = bytes((3,))
_CHANGING = (
    Feature.BUS_CONNECTION_STATUS,
    Feature.INTERFACE_INDIVIDUAL_ADDRESS,
    Feature.MAX_APDU_LENGTH,
)


def feature_response(
    said: Description, channel: Channel, service: Service, content: bytes
) -> bytes:
    """Return the content of TUNNELLING_FEATURE_RESPONSE to a get or a set. Raises: DecodeError."""
    if len(content) < 2:
        raise DecodeError(f"no feature: {content.hex()}")
    feature, value = content[0], content[2:]
    code = ReturnCode.E_SUCCESS
    if service is Service.TUNNELLING_FEATURE_SET:
        if not value:
            raise DecodeError(f"no value of a feature: {content.hex()}")
        code = _set(said, channel, feature, value)
    known = feature_values(said, channel).get(feature)
    if known is None:
        code = ReturnCode.E_COMMAND_INVALID
    if known is None or code is not ReturnCode.E_SUCCESS:
        return bytes((feature, code.value))
    return bytes((feature, code.value)) + known


def news(said: Description, channel: Channel) -> list[bytes]:
    """Return the contents of TUNNELLING_FEATURE_INFO: what has changed since a client was told last."""
    if channel.announced is None:
        return []
    now = _changing(said, channel)
    changed = [one for one, value in now.items() if value != channel.announced[one]]
    channel.announced = now
    return [bytes((one, 0)) + now[one] for one in changed]


def feature_values(said: Description, channel: Channel) -> dict[int, bytes]:
    """Return all features, each with an even number of octets."""
    address = b"" if channel.address is None else channel.address.to_knx()
    values = {
        Feature.SUPPORTED_EMI_TYPE: _CEMI_SUPPORTED,
        Feature.DEVICE_DESCRIPTOR_TYPE_0: said.mask_version.to_bytes(2, "big"),
        Feature.BUS_CONNECTION_STATUS: bytes((said.is_bus_connected,)),
        Feature.MANUFACTURER_CODE: said.manufacturer,
        Feature.ACTIVE_EMI_TYPE: _CEMI,
        Feature.INTERFACE_INDIVIDUAL_ADDRESS: address,
        Feature.MAX_APDU_LENGTH: said.max_apdu.to_bytes(2, "big"),
        Feature.INTERFACE_FEATURE_INFO_ENABLE: bytes((channel.announced is not None,)),
    }
    return {one.value: value + bytes(len(value) % 2) for one, value in values.items()}


def _set(said: Description, channel: Channel, feature: int, value: bytes) -> ReturnCode:
    match feature:
        case Feature.INTERFACE_FEATURE_INFO_ENABLE.value if value[0] in (0, 1):
            channel.announced = _changing(said, channel) if value[0] else None
            return ReturnCode.E_SUCCESS
        case Feature.ACTIVE_EMI_TYPE.value if value[0] == _CEMI[0]:
            return ReturnCode.E_SUCCESS  # there is no other one
        case Feature.INTERFACE_FEATURE_INFO_ENABLE.value | Feature.ACTIVE_EMI_TYPE.value:
            return ReturnCode.E_DATA_VOID
        case _:
            return ReturnCode.E_ACCESS_READ_ONLY


def _changing(said: Description, channel: Channel) -> dict[int, bytes]:
    values = feature_values(said, channel)
    return {one.value: values[one.value] for one in _CHANGING}
