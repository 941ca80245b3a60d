"""What the network has disproved of a check: a device that has answered Modbus TCP can be reached so. Pure."""

from collections.abc import Collection
from dataclasses import replace

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message
from knxgw.config.devices import devices, key_of
from knxgw.config.load import parse_configuration
from knxgw.config.model import ConnectionKind
from knxgw.errors import Finding
from knxgw.website.configuring import Checked

Place = tuple[str, int, int]  # host, port, unit
DOUBTED = "needs_translating_gateway"  # whether anybody translates between TCP and the line


def without_disproved(checked: Checked, text: str, answered: Collection[Place]) -> Checked:
    """Return what a text would mean, without the doubt whether a device is behind a gateway that translates.

    A model that speaks on a line only, and has answered Modbus TCP, is behind such a gateway. `answered`: where
    somebody has.
    """
    if not answered or not any(_is_doubt(one) for one in checked.findings):
        return checked
    configuration = parse_configuration(text, catalogue(), is_offline=True).configuration
    if configuration is None:
        return checked
    proved = {
        f"{key_of(device, configuration)}.connection.type"
        for device in devices(configuration)
        if (one := device.connection).kind is ConnectionKind.TCP
        and (one.host, one.port, one.unit) in answered
    }
    kept = (one for one in checked.findings if not (_is_doubt(one) and one.place.key in proved))
    return replace(checked, findings=tuple(kept))


def _is_doubt(one: Finding) -> bool:
    return isinstance(one.words, Message) and one.words.id == DOUBTED
