"""What of the device survives a power cut, as it stands in files. Pure.

One small file says what the device is; the memory of each object is a file of its own, written before the small
one says that it is loaded. So a power cut in a download leaves an object that is being loaded, or the one of
before that is unloaded, never half of one that runs.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.last_download import LastDownload, stored_download
from knxgw.device.loading import Loadable
from knxgw.device.memory import crc16
from knxgw.device.model import DeviceModel
from knxgw.knx.fixed_values import UNASSIGNED

VERSION = 1


def state_bytes(
    model: DeviceModel, unsure: Collection[int] = (), last: LastDownload | None = None
) -> bytes:
    """Return what the device is, without the memory of its objects; `last`: the last download.

    `unsure`: objects whose memory is being stored, which count as being loaded until that is done.
    """
    content = {
        "version": VERSION,
        "programmed_address": model.address.programmed,
        "configured_address": model.address.configured,
        "properties": {name: value.hex() for name, value in sorted(model.kept.items())},
        "objects": {
            str(index): _object(one, is_sure=index not in unsure)
            for index, one in model.loadables.items()
        },
        "last_download": None if last is None else last.as_json(),
    }
    return json.dumps(content, indent=1).encode("ascii")


def restore(model: DeviceModel, content: bytes, segment: Callable[[int], bytes]) -> bool:
    """Let a model be what was stored; tell whether all of it was there and right.

    `segment` gives the memory of an object by its index, b"" where there is none. Each part that cannot be read
    is as in a new device; where nobody knows what was loaded, the model is damaged.
    """
    found = _parsed(content)
    if found is None:
        model.is_damaged = any(segment(index) for index in model.loadables)
        return False
    restored = [
        _is_restored(part)
        for part in (
            lambda: _restore_addresses(model, found),
            lambda: _restore_properties(model, found["properties"]),
            lambda: _restore_objects(model, found["objects"], segment),
        )
    ]
    return all(restored)


def last_download(content: bytes) -> LastDownload | None:
    """Return the last download of what was stored, None: there was none, or nobody can read it."""
    found = _parsed(content)
    try:
        return None if found is None else stored_download(found["last_download"])
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _parsed(content: bytes) -> Mapping[str, Any] | None:
    """Return what a file says, None: it is none of this version."""
    try:
        found = json.loads(content)
        return found if found["version"] == VERSION else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_restored(part: Callable[[], bool]) -> bool:
    try:
        return part()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _restore_addresses(model: DeviceModel, found: Mapping[str, Any]) -> bool:
    programmed, configured = (
        _address(found[f"{name}_address"]) for name in ("programmed", "configured")
    )
    model.address.programmed, model.address.configured = programmed, configured
    return True


def _restore_properties(model: DeviceModel, values: Mapping[str, str]) -> bool:
    kept = {name: bytes.fromhex(value) for name, value in values.items() if name in model.kept}
    model.kept |= {name: value for name, value in kept.items() if _fits(model, name, value)}
    return True


def _address(value: object) -> int | None:
    """Return a stored address, None: there is none. Raises: ValueError."""
    if value is not None and (type(value) is not int or not 0 < value <= UNASSIGNED):
        raise ValueError("it is no individual address")
    return value


def _object(one: Loadable, *, is_sure: bool) -> Mapping[str, Any]:
    is_unsure = one.is_loaded and not is_sure
    state = LoadState.LOADING if is_unsure else one.state
    found: dict[str, Any] = {"state": int(state), "error": one.error}
    if one.is_loaded and is_sure:
        content = one.segment.content
        found |= {"octets": len(content), "crc": crc16(content)}
    return found


def _restore_objects(
    model: DeviceModel, objects: Mapping[str, Any], segment: Callable[[int], bytes]
) -> bool:
    is_sound = True
    for index, one in model.loadables.items():
        if str(index) not in objects and not one.has_memory:
            continue  # a release before has not known it
        try:
            _restore_object(one, objects[str(index)], segment(index))
        except (ValueError, KeyError, TypeError):
            is_sound, model.is_damaged = False, True
    return is_sound


def _restore_object(one: Loadable, found: Mapping[str, Any], content: bytes) -> None:
    """Restore an object. Raises: ValueError, KeyError, TypeError; it is not loaded then."""
    state = LoadState(found["state"])
    if state is LoadState.LOADED:
        content = content[: found["octets"]]
        if len(content) != found["octets"] or crc16(content) != found["crc"]:
            raise ValueError("its memory is another one")
    error = int(found["error"])
    if state in {LoadState.LOADED, LoadState.LOADING}:
        one.segment.restore(content)
    one.state, one.error = state, error


def _fits(model: DeviceModel, name: str, value: bytes) -> bool:
    """Tell whether a value has a size that its property can have."""
    owner, _, key = name.partition(".")
    for one in model.rules.objects:
        for definition in one.properties:
            if (one.key, definition.key) == (owner, key):
                octets = definition.type.octets
                if not octets:  # of a function: it says how long that is
                    return len(value) == len(model.kept[name])
                is_array = definition.elements > 1
                return len(value) % octets == 0 and (is_array or len(value) == octets)
    return False
