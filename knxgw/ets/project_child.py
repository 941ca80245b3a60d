"""A process of its own that reads one ETS project with xknxproject, and ends.

`project_process` starts it. xknxproject is GPL-2.0-only: nothing of knxgw imports this module, and
this module imports nothing of knxgw but `xml_guard`. Question on the standard input, one line of
JSON: `{"file": descriptor, "password": text or null, "language": "en", "memory": bytes, "cpu_s": n}`.
Answer on the standard output: `{"project": ...}` or `{"refused": reason}` (`Refusal`), never the text
of an error, which may quote what was decrypted. Keys and passwords of the project do not leave it.
"""

import contextlib
import json
import logging
import resource
import sys
import zlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any
from zipfile import BadZipFile

from knxgw.ets.xml_guard import UnsafeXmlError, scan_xml

LONGEST_TEXT = 200  # characters of a name that are handed on
LARGEST_QUESTION = 65_536
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
    _limit(question["memory"], question["cpu_s"])
    logging.disable(logging.CRITICAL)  # the library would name what it cannot read
    answer = _answer(question)
    json.dump(answer, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    sys.stdout.flush()


def _limit(memory: int, cpu_s: int) -> None:
    """Bound this process: memory, processor; no file can be written, no memory is dumped."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


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
    from xknxproject import XKNXProj  # noqa: PLC0415 - only in this process, and only now
    from xknxproject.zip import extract  # noqa: PLC0415 - likewise

    with extract(path, password) as contents:
        for open_document in (contents.open_project_meta, contents.open_project_0):
            with open_document() as document:
                scan_xml(document)
    return dict(XKNXProj(path, password=password, language=language).parse())


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
    links = [raw[link] for link in one["group_address_links"] if link in raw]
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
