"""What a device model is called: people know manufacturer and model, a file has its id. Pure."""

from knxgw.catalogue.device_model import DeviceModel, Transport
from knxgw.catalogue.messages import Message, message

_NAMES = {
    Transport.TCP: "Modbus TCP",
    Transport.RTU: "Modbus RTU",
    Transport.ASCII: "Modbus ASCII",
}


def called(model: DeviceModel) -> Message:
    """Return a model as an argument of a message."""
    return message("model_called", id=model.id, name=model.title)


def spoken(model: DeviceModel) -> tuple[Message, ...]:
    """Return how a model can be reached, as arguments of a message."""
    return tuple(
        message("transport_called", id=one.value, name=_NAMES[one]) for one in model.transports
    )
