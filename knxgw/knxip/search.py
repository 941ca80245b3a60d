"""Answers to who looks for devices, and to who wants to know what one can do.

Source: [knxnetip]; [xknx] `knxip/srp.py`.
"""

from collections.abc import Iterator

from xknx.knxip import (
    HPAI,
    DescriptionResponse,
    DIBServiceFamily,
    DIBTypeCode,
    SearchResponse,
    SearchResponseExtended,
)
from xknx.knxip.knxip_enum import SearchRequestParameterType

from knxgw.knxip.description import Addresses, all_families, blocks
from knxgw.knxip.ports import Description
from knxgw.knxip.requests import ExtendedSearch, Parameter
from knxgw.knxip.wire import frame_of

_DEVICE, _FAMILIES = DIBTypeCode.DEVICE_INFO.value, DIBTypeCode.SUPP_SVC_FAMILIES.value
IN_SEARCH = (_DEVICE, _FAMILIES)
IN_DESCRIPTION = (
    _DEVICE,
    _FAMILIES,
    DIBTypeCode.IP_CONFIG.value,
    DIBTypeCode.IP_CUR_CONFIG.value,
    DIBTypeCode.KNX_ADDRESSES.value,
)
IN_EXTENDED_SEARCH = (_DEVICE, DIBTypeCode.ADDITIONAL_DEVICE_INFO.value, _FAMILIES)


def search_response(said: Description, own: HPAI) -> bytes:
    """Return the answer to SEARCH_REQUEST."""
    response = SearchResponse(own)
    response.dibs = blocks(said, IN_SEARCH, ())
    return frame_of(response)


def description_response(said: Description) -> bytes:
    """Return the answer to DESCRIPTION_REQUEST."""
    response = DescriptionResponse()
    response.dibs = blocks(said, IN_DESCRIPTION, ())
    return frame_of(response)


def extended_search_response(
    said: Description, search: ExtendedSearch, own: HPAI, used: Addresses
) -> bytes | None:
    """Return the answer to SEARCH_REQUEST_EXTENDED; None: it looks for others.

    `used`: the addresses of tunnels that are open.
    """
    if not all(_is_met(said, one) for one in search.parameters if one.is_mandatory):
        return None
    response = SearchResponseExtended(own)
    response.dibs = blocks(
        said, tuple(_wanted(search)) or IN_EXTENDED_SEARCH, used, is_extended=True
    )
    return frame_of(response)


def _wanted(search: ExtendedSearch) -> Iterator[int]:
    for one in search.parameters:
        if one.kind == SearchRequestParameterType.REQUEST_DIBS.value:
            yield from (code for code in one.data if code)  # 0 makes the number even


def _is_met(said: Description, parameter: Parameter) -> bool:
    match parameter.kind:
        case SearchRequestParameterType.SELECT_BY_PROGRAMMING_MODE.value:
            return said.is_in_programming_mode and not parameter.data
        case SearchRequestParameterType.SELECT_BY_MAC_ADDRESS.value:
            return parameter.data == said.mac_address
        case SearchRequestParameterType.SELECT_BY_SERVICE.value:
            return _has_service(said, parameter.data)
        case SearchRequestParameterType.REQUEST_DIBS.value:
            return bool(parameter.data)
        case _:
            return False  # nobody knows what that is, and it has to be met


def _has_service(said: Description, data: bytes) -> bool:
    try:
        family, least_version = data
        version = all_families(said).get(DIBServiceFamily(family), 0)
    except ValueError:
        return False
    return 0 < version >= least_version
