"""Reads an ETS project in a process of its own, which has bounds of time and memory and then ends.

The project goes to the child as an open file, its password over the standard input. Nothing else is
handed in, and what the child hands back is taken as the word of a stranger.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.messages import Message, message
from knxgw.config.addresses import group_address, parse_individual_address
from knxgw.config.not_allowed import NotAllowedError
from knxgw.errors import one_line
from knxgw.ets.archive_guard import ProjectArchive, check_archive, refusal
from knxgw.ets.child_process import PYTHON_VARIABLE, Bounds, asked
from knxgw.ets.project import DeviceObject, EtsDevice, EtsFileError, EtsProject, GroupAddressEntry
from knxgw.ets.ranges import names_of_ranges
from knxgw.ets.xml_guard import Danger

MODULE = "knxgw.ets.project_child"
LARGEST_ANSWER = 32 * 2**20  # bytes
HIGHEST_NUMBER = 65_535  # of a group object, and of an address


def read_project(
    file: IO[bytes],
    password: str | None,
    language: str,
    *,
    archive: ProjectArchive | None = None,
    bounds: Bounds | None = None,
) -> EtsProject:
    """Return what a `.knxproj` says. Raises: EtsFileError.

    `file` is a real one, open for reading. `archive`: what `check_archive` has said of it.
    """
    archive = archive or check_archive(file)
    if archive.is_protected and not password:
        raise EtsFileError(message("ets_password_missing"))
    bounds = bounds or Bounds()
    question = {
        "file": file.fileno(),
        "password": password if archive.is_protected else None,
        "language": language,
        "memory": bounds.memory,
        "cpu_s": bounds.cpu_s,
    }
    python = os.environ.get(PYTHON_VARIABLE) or sys.executable
    answered = asked(
        python,
        MODULE,
        json.dumps(question).encode(),
        file=file.fileno(),
        time_s=bounds.time_s,
        largest=LARGEST_ANSWER,
        stop=bounds.stop,
    )
    answer = _answer(answered)
    if "project" not in answer:
        raise EtsFileError(_refused(str(answer.get("refused"))))
    try:
        return _project(answer["project"])
    except (KeyError, TypeError, ValueError) as err:
        raise EtsFileError(message("ets_project_damaged")) from err


def _answer(answer: bytes) -> Mapping[str, Any]:
    """Return the answer; a child without one was ended by its bounds. Raises: EtsFileError."""
    try:
        parsed = json.loads(answer)
    except (ValueError, RecursionError) as err:
        raise EtsFileError(message("ets_project_too_large")) from err
    return parsed if isinstance(parsed, dict) else {}


def _refused(reason: str) -> Message:
    """Return what is said for the reason that the child gives."""
    if reason in set(Danger) - {Danger.TOO_LARGE}:
        return refusal(Danger(reason))
    known = {
        "library_missing": message("ets_library_missing", variable=PYTHON_VARIABLE),
        "password_missing": message("ets_password_missing"),
        "password_wrong": message("ets_password_wrong"),
        "no_project": message("ets_no_project"),
        "too_large": message("ets_project_too_large"),
    }
    return known.get(reason, message("ets_project_damaged"))


def _project(answer: Mapping[str, Any]) -> EtsProject:
    """Return the project of an answer. Raises: KeyError, TypeError, ValueError."""
    ranges = [(int(first), int(last), one_line(name)) for first, last, name in answer["ranges"]]
    entries = list(_entries(answer["addresses"], ranges))
    return EtsProject(
        name=one_line(answer["name"]),
        tool=one_line(answer["tool"]),
        addresses={entry.address: entry for entry in entries},
        devices=tuple(_devices(answer["devices"])),
    )


def _entries(
    addresses: list[Any], ranges: list[tuple[int, int, str]]
) -> Iterator[GroupAddressEntry]:
    names = names_of_ranges(ranges, [int(raw) for raw, *_ in addresses])
    for raw, name, description, dpts, is_secured in addresses:
        if 0 < raw <= HIGHEST_NUMBER:
            yield GroupAddressEntry(
                address=group_address(raw),
                name=one_line(name),
                ranges=names[raw],
                dpt=dpts[0] if dpts else None,
                is_secured=bool(is_secured),
                description=one_line(description),
            )


def _devices(devices: list[Any]) -> Iterator[EtsDevice]:
    for one in devices:
        try:
            address = parse_individual_address(one["address"])
        except NotAllowedError:
            continue  # 0.0.0: nobody has given it one yet
        yield _device(one, address)


def _device(one: Mapping[str, Any], address: str) -> EtsDevice:
    return EtsDevice(
        individual_address=address,
        name=one_line(one["name"]),
        product=one_line(one["product"]),
        manufacturer=one_line(one["manufacturer"]),
        order_number=one_line(one["order_number"]),
        application=one_line(one["application"]),
        objects=tuple(_object(*each) for each in one["objects"]),
    )


def _object(  # noqa: PLR0913, PLR0917 - in the order of the answer
    number: int | None,
    text: str,
    function_text: str,
    size: str,
    dpts: list[str],
    flags: str,
    links: list[int],
) -> DeviceObject:
    return DeviceObject(
        number=None if number is None else int(number),
        text=one_line(text),
        function_text=one_line(function_text),
        size=one_line(size),
        dpts=tuple(dpts),
        flags=Flags.parse(flags),
        addresses=tuple(group_address(raw) for raw in links if 0 < raw <= HIGHEST_NUMBER),
    )
