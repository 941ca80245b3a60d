"""Reads a list of group addresses as ETS exports it, CSV or XML, whichever the bytes are; pure."""

from knxgw.catalogue.messages import message
from knxgw.ets.address_list import LARGEST_LIST
from knxgw.ets.project import EtsFileError, EtsProject
from knxgw.ets.read_csv import UTF_16, read_csv
from knxgw.ets.read_xml import read_xml


def read_group_addresses(data: bytes) -> EtsProject:
    """Return the list as a project without devices. Raises: EtsFileError."""
    if len(data) > LARGEST_LIST:
        raise EtsFileError(message("ets_list_too_large"))
    if b"\0" in data and not data.startswith(UTF_16):  # neither CSV nor UTF-8
        raise EtsFileError(message("ets_no_list"))
    start = data[:100].removeprefix(b"\xef\xbb\xbf").lstrip()
    found = read_xml(data) if start.startswith(b"<") else read_csv(data)
    return found.as_project()
