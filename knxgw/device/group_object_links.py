"""The tables that ETS has loaded, as links of group objects. Pure."""

from collections.abc import Mapping

from knxgw.catalogue.flags import Flags
from knxgw.config.model import GroupAddress, GroupObjectLink
from knxgw.device.model import DeviceModel
from knxgw.device.secured_groups import usable_by
from knxgw.device.tables import PRIORITIES, LoadedObject, links_of


def group_object_links(model: DeviceModel) -> Mapping[int, GroupObjectLink]:
    """Return the link of each group object that has a group address it may use, by its number."""
    addresses, associations, objects = (
        model.loadables[index].segment.content for index in (1, 2, 3)
    )
    loaded, is_usable = links_of(addresses, associations, objects), usable_by(model)
    usable = {
        number: [raw for raw in linked if is_usable(number, raw)]
        for number, linked in loaded.addresses.items()
    }
    return {
        number: GroupObjectLink(
            addresses=tuple(_address(raw) for raw in linked),
            flags=_flags(loaded.objects[number]),
            priority=PRIORITIES[loaded.objects[number].priority],
        )
        for number, linked in usable.items()
        if linked
    }


def _flags(one: LoadedObject) -> Flags:
    return Flags(
        communication=one.communication,
        read=one.read,
        write=one.write,
        transmit=one.transmit,
        update=one.update,
        read_on_init=one.read_on_init,
    )


def _address(raw: int) -> GroupAddress:
    return GroupAddress(f"{raw >> 11}/{raw >> 8 & 0b111}/{raw & 0xFF}")
