"""What of the device survives a power cut, as it stands in files. Pure.

One small file says what the device is; the memory of each object is a file of its own, written before the small
one says that it is loaded. So a power cut in a download leaves an object that is being loaded, or the one of
before that is unloaded, never half of one that runs.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.identity import UNASSIGNED
from knxgw.device.loading import Loadable
from knxgw.device.memory import crc16
from knxgw.device.model import DeviceModel

VERSION = 1


def state_bytes(model: DeviceModel) -> bytes:
    """Return what the device is, without the memory of its objects."""
    content = {
        "version": VERSION,
        "programmed_address": model.address.programmed,
        "configured_address": model.address.configured,
        "properties": {name: value.hex() for name, value in sorted(model.kept.items())},
        "objects": {str(index): _object(one) for index, one in model.loadables.items()},
    }
    return json.dumps(content, indent=1).encode("ascii")


def restore(model: DeviceModel, content: bytes, segment: Callable[[int], bytes]) -> bool:
    """Let a model be what was stored; tell whether all of it was there and right.

    `segment` gives the memory of an object by its index, b"" where there is none. What cannot be read is as in
    a new device, and an object without its memory is not loaded.
    """
    try:
        found = json.loads(content)
        if found["version"] != VERSION:
            return False
        programmed, configured = (
            _address(found[f"{name}_address"]) for name in ("programmed", "configured")
        )
        values, objects = found["properties"], found["objects"]
        kept = {name: bytes.fromhex(value) for name, value in values.items() if name in model.kept}
        is_sound = _restore_objects(model, objects, segment)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    model.address.programmed, model.address.configured = programmed, configured
    model.kept |= {name: value for name, value in kept.items() if _fits(model, name, value)}
    return is_sound


def _address(value: object) -> int | None:
    """Return a stored address, None: there is none. Raises: ValueError."""
    if value is not None and (type(value) is not int or not 0 < value <= UNASSIGNED):
        raise ValueError("it is no individual address")
    return value


def _object(one: Loadable) -> Mapping[str, Any]:
    found: dict[str, Any] = {"state": int(one.state), "error": one.error}
    if one.is_loaded:
        content = one.segment.content
        found |= {"octets": len(content), "crc": crc16(content)}
    return found


def _restore_objects(
    model: DeviceModel, objects: Mapping[str, Any], segment: Callable[[int], bytes]
) -> bool:
    is_sound = True
    for index, one in model.loadables.items():
        found = objects[str(index)]
        state = LoadState(found["state"])
        content = segment(index)
        if state is LoadState.LOADED:
            content = content[: found["octets"]]
            if len(content) != found["octets"] or crc16(content) != found["crc"]:
                is_sound, state = False, LoadState.UNLOADED
        if state in {LoadState.LOADED, LoadState.LOADING}:
            one.segment.restore(content)
        one.state, one.error = state, int(found["error"])
    return is_sound


def _fits(model: DeviceModel, name: str, value: bytes) -> bool:
    """Tell whether a value has a size that its property can have."""
    owner, _, key = name.partition(".")
    for one in model.rules.objects:
        for definition in one.properties:
            if (one.key, definition.key) == (owner, key):
                octets = definition.type.octets
                is_array = definition.elements > 1
                return len(value) % octets == 0 and (is_array or len(value) == octets)
    return False
