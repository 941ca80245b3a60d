"""Which device of an ETS project is ours, or stands in for ours; pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.ets_words import EtsWords
from knxgw.catalogue.messages import Listed, message
from knxgw.ets.project import EtsDevice, EtsFileError, EtsProject

LEAST_OBJECTS = 5  # linked ones, before a device is taken for a stand-in by its numbers


class Recognised(StrEnum):
    """How a device was found."""

    NAMED = "named"  # by whoever imports
    OURS = "ours"  # by its application program or order number
    CONFIGURED = "configured"  # by the individual address of the configuration
    STAND_IN = "stand_in"  # by the numbers of its group objects


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """The device whose links are taken."""

    device: EtsDevice
    how: Recognised


def find_device(
    project: EtsProject,
    words: EtsWords,
    fitting: Collection[str],
    *,
    named: str | None,
    configured: str | None,
) -> FoundDevice | None:
    """Return the device whose links are taken, None: the project has none.

    `fitting`: individual addresses of the devices whose every linked group object fits one of ours.
    `named`, `configured`: individual addresses. Raises: EtsFileError, there are several or not the one.
    """
    devices = {one.individual_address: one for one in project.devices}
    if named is not None:
        if named not in devices:
            raise EtsFileError(message("ets_device_unknown", address=named))
        return FoundDevice(devices[named], Recognised.NAMED)
    ours = [one for one in project.devices if is_ours(one, words)]
    if configured is not None and len(ours) != 1:
        chosen = devices.get(configured)
        if chosen is not None and (chosen in ours or (not ours and chosen.objects)):
            return FoundDevice(chosen, Recognised.CONFIGURED)
    if ours:
        return FoundDevice(_only(ours), Recognised.OURS)
    stand_ins = [
        one
        for one in project.devices
        if one.individual_address in fitting and len(one.objects) >= LEAST_OBJECTS
    ]
    return FoundDevice(_only(stand_ins), Recognised.STAND_IN) if stand_ins else None


def is_ours(device: EtsDevice, words: EtsWords) -> bool:
    """Tell whether a device is this product. Source: [ets-project] reference of the application program."""
    program = f"{words.manufacturer}_A-{words.application}-"
    return device.application.startswith(program) or device.order_number == words.order_number


def _only(devices: Sequence[EtsDevice]) -> EtsDevice:
    """Return the only one of some devices. Raises: EtsFileError."""
    if len(devices) > 1:
        listed = Listed(tuple(one.individual_address for one in devices))
        raise EtsFileError(message("ets_several_devices", devices=listed))
    return devices[0]
