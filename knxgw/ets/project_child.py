"""A process of its own that reads one ETS project with xknxproject, and ends.

`project_process` starts it. xknxproject is GPL-2.0-only: nothing of knxgw imports this module, and
this module imports nothing of knxgw but `xml_guard` and `process_bounds`. Question on the standard input, one line of
JSON: `{"file": descriptor, "password": text or null, "language": "en", "memory": bytes, "cpu_s": n}`.
Answer on the standard output: `{"project": ...}` or `{"refused": reason}` (`Refusal`), never the text
of an error, which may quote what was decrypted. Keys and passwords of the project do not leave it.
"""

import contextlib
import io
import json
import logging
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any
from zipfile import BadZipFile

from knxgw.ets.process_bounds import bound_this_process
from knxgw.ets.xml_guard import LARGEST_XML, Danger, UnsafeXmlError, scan_xml

LONGEST_TEXT = 200  # characters of a name that are handed on
MOST_LINKS = 255  # of one group object
MOST_OBJECTS = 16_384  # linked ones of one device
LARGEST_QUESTION = 65_536
# Buildings with their functions: the library looks for each of their group addresses in all of them.
_PLACES = re.compile(rb"<(Locations|Buildings)>.*?</\1>", re.DOTALL)
FLAGS = ("communication", "read", "write", "transmit", "update", "read_on_init")


class Refusal(StrEnum):
    """Why there is no project; `xml_guard.Danger` has more."""

    LIBRARY_MISSING = "library_missing"
    PASSWORD_MISSING = "password_missing"  # noqa: S105 - a reason, no password
    PASSWORD_WRONG = "password_wrong"  # noqa: S105 - likewise
    NO_PROJECT = "no_project"
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"


def main() -> None:
    """Answer one question."""
    question = json.loads(sys.stdin.buffer.read(LARGEST_QUESTION))
    bound_this_process(question["memory"], question["cpu_s"])
    logging.disable(logging.CRITICAL)  # the library would name what it cannot read
    answer = _answer(question)
    json.dump(answer, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    sys.stdout.flush()


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the project, or why there is none; whatever the library raises has no words here."""
    path = f"/dev/fd/{question['file']}"
    try:
        return {"project": _shortened(_parsed(path, question["password"], question["language"]))}
    except ImportError:
        return {"refused": Refusal.LIBRARY_MISSING}
    except UnsafeXmlError as err:
        return {"refused": err.danger}
    except (MemoryError, RecursionError):
        return {"refused": Refusal.TOO_LARGE}
    except Exception as err:  # noqa: BLE001 - a file of others, read by a library of others
        return {"refused": _reason(err, has_password=bool(question["password"]))}


def _parsed(path: str, password: str | None, language: str) -> dict[str, Any]:
    """Return what the library makes of a project, after its documents were looked at."""
    from xknxproject.combination import combine_project  # noqa: PLC0415 - only in this process, now
    from xknxproject.xml import XMLParser  # noqa: PLC0415 - likewise
    from xknxproject.zip import extract  # noqa: PLC0415 - likewise

    class Parser(XMLParser):  # type: ignore[misc] # of a library without types
        """Leaves out what takes time with the square of a project, and what nobody here reads."""

        def _transform(self) -> dict[str, Any]:
            return _combined(self)

    with extract(path, password) as contents:
        _look_once(contents)
        return dict(combine_project(Parser(contents).parse(language)))


class _AtOnce(io.BytesIO):
    """A document that is read as a whole: in parts, a parser looks at a long attribute again with each part."""

    def read(self, _size: int | None = -1, /) -> bytes:
        """Return all of it."""
        return super().read()


def _look_once(contents: Any) -> None:  # noqa: ANN401 - of a library without types
    """Look at both documents of a project, and let the library read the same bytes. Raises: UnsafeXmlError.

    It takes long to decrypt those of a protected one.
    """
    documents = {}
    for name in ("open_project_meta", "open_project_0"):
        with getattr(contents, name)() as document:
            data = document.read(LARGEST_XML + 1)
        # looked at as the parser gets it: what is cut out must not join what stands on both sides of it
        documents[name] = _PLACES.sub(b" ", data)
        scan_xml(io.BytesIO(documents[name]))
    contents.open_project_meta = lambda: _AtOnce(documents["open_project_meta"])
    contents.open_project_0 = lambda: _AtOnce(documents["open_project_0"])


def _combined(parser: Any) -> dict[str, Any]:  # noqa: ANN401 - of a library without types
    """Return what `_shortened` reads, in the library's own shape.

    The library would compare every group address with every object. Raises: UnsafeXmlError.
    """
    known = {one.identifier: one.address for one in parser.group_addresses}
    objects: dict[str, Any] = {}
    linked: dict[str, list[str]] = {address: [] for address in known.values()}
    devices = {}
    for device in parser.devices:
        address, keys = device.individual_address, []
        for one in device.com_object_instance_refs:
            links = [known[link] for link in one.links or () if link in known]
            if links:
                key = f"{address}/{one.ref_id}"
                keys.append(key)
                objects[key] = _as_read(one, links)
        if len(keys) > MOST_OBJECTS:
            raise UnsafeXmlError(Danger.TOO_LARGE)
        devices[address] = {
            "name": device.name or device.product_name,
            "hardware_name": device.product_name,
            "order_number": device.order_number,
            "manufacturer_name": device.manufacturer_name,
            "individual_address": address,
            "application": device.application_program_ref,
            "communication_object_ids": keys,
        }
    for key, one in objects.items():
        for link in dict.fromkeys(one["group_address_links"]):
            linked[link].append(key)
    return {
        "info": {
            "name": parser.project_info.name,
            "tool_version": parser.project_info.tool_version,
            "schema_version": parser.project_info.schema_version,
        },
        "communication_objects": objects,
        "devices": devices,
        "group_addresses": {
            one.address: {
                "name": one.name,
                "description": one.description,
                "raw_address": one.raw_address,
                "dpt": one.dpt,
                "data_secure": bool(one.data_secure_key),
                "communication_object_ids": linked[one.address],
            }
            for one in parser.group_addresses
        },
        "group_ranges": dict(enumerate(map(_range, parser.group_ranges))),
    }


def _as_read(one: Any, links: list[str]) -> dict[str, Any]:  # noqa: ANN401 - of a library without types
    """Return a group object in the library's own shape."""
    return {
        "number": one.number,
        "text": one.text,
        "function_text": one.function_text,
        "object_size": one.object_size,
        "dpts": one.datapoint_types,
        "flags": {flag: getattr(one, f"{flag}_flag") for flag in FLAGS},
        "group_address_links": links,
    }


def _range(one: Any) -> dict[str, Any]:  # noqa: ANN401 - of a library without types
    """Return a main or middle group in the library's own shape."""
    return {
        "name": one.name,
        "address_start": one.range_start,
        "address_end": one.range_end,
        "group_ranges": dict(enumerate(map(_range, one.group_ranges))),
    }


def _reason(err: Exception, *, has_password: bool) -> Refusal:
    """Return why a project could not be read, by the kind of the error."""
    kind = type(err).__name__
    if kind == "InvalidPasswordException" or "password" in str(err).lower():
        return Refusal.PASSWORD_WRONG if has_password else Refusal.PASSWORD_MISSING
    if has_password and isinstance(err, (BadZipFile, zlib.error, UnicodeDecodeError)):
        return (
            Refusal.PASSWORD_WRONG
        )  # one of 256 wrong passwords opens a file of ETS 5: to garbage
    return Refusal.NO_PROJECT if kind == "ProjectNotFoundException" else Refusal.DAMAGED


def _shortened(project: Mapping[str, Any]) -> dict[str, Any]:
    """Return what knxgw needs of a project; addresses as 16 bits, no comments."""
    info, objects = project["info"], project["communication_objects"]
    addresses = project["group_addresses"]
    raw = {address: one["raw_address"] for address, one in addresses.items()}
    return {
        "name": _text(info.get("name")),
        "tool": _text(info.get("tool_version")),
        "schema": _text(info.get("schema_version")),
        "ranges": list(_ranges(project["group_ranges"])),
        "addresses": [
            [
                one["raw_address"],
                *map(_text, (one["name"], one["description"])),
                _dpts([one["dpt"]]),
                one["data_secure"],
            ]
            for one in addresses.values()
        ],
        "devices": [
            {
                "address": one["individual_address"],
                **{
                    name: _text(one.get(key))
                    for name, key in (
                        ("name", "name"),
                        ("product", "hardware_name"),
                        ("manufacturer", "manufacturer_name"),
                        ("order_number", "order_number"),
                        ("application", "application"),
                    )
                },
                "objects": [_object(objects[key], raw) for key in one["communication_object_ids"]],
            }
            for one in project["devices"].values()
        ],
    }


def _object(one: Mapping[str, Any], raw: Mapping[str, int]) -> list[Any]:
    flags = "".join(
        letter if one["flags"].get(name) else "-"
        for letter, name in zip("CRWTUI", FLAGS, strict=True)
    )
    links = [raw[link] for link in one["group_address_links"][:MOST_LINKS] if link in raw]
    words = (one["text"], one["function_text"], one["object_size"])
    return [one["number"], *map(_text, words), _dpts(one["dpts"]), flags, links]


def _ranges(ranges: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield first and last address and name of every range, outer ones first."""
    for one in ranges.values():
        yield [one["address_start"], one["address_end"], _text(one["name"])]
        yield from _ranges(one["group_ranges"])


def _dpts(dpts: list[Any]) -> list[str]:
    """Return datapoint types as "14.056", or "14" without a subtype."""
    return [
        str(dpt["main"]) if dpt["sub"] is None else f"{dpt['main']}.{dpt['sub']:03d}"
        for dpt in dpts
        if dpt
    ]


def _text(text: object) -> str:
    return str(text or "")[:LONGEST_TEXT]


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # nobody waits any more
        main()
