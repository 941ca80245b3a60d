"""Reads an ETS project in a process of its own, which has bounds of time and memory and then ends.

The project goes to the child as an open file, its password over the standard input. Nothing else is
handed in, and what the child hands back is taken as the word of a stranger.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Timer
from typing import IO, Any

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.messages import Message, message
from knxgw.config.addresses import group_address, parse_individual_address
from knxgw.config.not_allowed import NotAllowedError
from knxgw.errors import one_line
from knxgw.ets.archive_guard import check_archive, refusal
from knxgw.ets.project import DeviceObject, EtsDevice, EtsFileError, EtsProject, GroupAddressEntry
from knxgw.ets.ranges import names_of_ranges
from knxgw.ets.xml_guard import Danger

MODULE = "knxgw.ets.project_child"
PYTHON_VARIABLE = "KNXGW_ETS_PYTHON"  # a Python that has xknxproject, where ours has not
LARGEST_ANSWER = 32 * 2**20  # bytes
HIGHEST_NUMBER = 65_535  # of a group object, and of an address


class Stop:
    """Ends the reading of a project from another thread."""

    def __init__(self) -> None:
        """Begin without anything to end."""
        self._lock = Lock()
        self._end: Callable[[], None] | None = None
        self._is_called = False

    def call(self) -> None:
        """End the process that reads, now or as soon as there is one."""
        with self._lock:
            self._is_called = True
            if self._end is not None:
                self._end()

    def watch(self, end: Callable[[], None]) -> None:
        """Take what ends the process that has started."""
        with self._lock:
            self._end = end
            if self._is_called:
                end()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the child may take."""

    memory: int = 2**30  # bytes of addresses
    time_s: int = 120
    stop: Stop = field(default_factory=Stop)  # who has asked may end it before


def read_project(
    file: IO[bytes],
    password: str | None,
    language: str,
    *,
    python: str | None = None,
    bounds: Bounds | None = None,
) -> EtsProject:
    """Return what a `.knxproj` says. Raises: EtsFileError.

    `file` is a real one, open for reading. `python`: another interpreter that has xknxproject.
    """
    archive = check_archive(file)
    if archive.is_protected and not password:
        raise EtsFileError(message("ets_password_missing"))
    bounds = bounds or Bounds()
    question = {
        "file": file.fileno(),
        "password": password if archive.is_protected else None,
        "language": language,
        "memory": bounds.memory,
        "cpu_s": bounds.time_s,
    }
    python = python or os.environ.get(PYTHON_VARIABLE) or sys.executable
    answer = _answer(_asked(python, question, bounds))
    if "project" not in answer:
        raise EtsFileError(_refused(str(answer.get("refused"))))
    try:
        return _project(answer["project"])
    except (KeyError, TypeError, ValueError) as err:
        raise EtsFileError(message("ets_project_damaged")) from err


def _asked(python: str, question: Mapping[str, Any], bounds: Bounds) -> bytes:
    """Return what the child answers, up to a bound. Raises: EtsFileError."""
    package = Path(__file__).parents[2]
    environment = {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    if home := os.environ.get("HOME"):
        environment["HOME"] = home  # packages of the user stand there
    try:
        child = subprocess.Popen(  # noqa: S603 - our own module, no word of it from outside
            [python, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(question["file"],),
            env=environment,
            cwd="/",
        )
    except OSError as err:
        raise EtsFileError(message("ets_python_missing", python=python)) from err
    with child:
        timer = Timer(bounds.time_s, child.kill)
        timer.start()
        bounds.stop.watch(child.kill)
        try:
            answer = _exchange(child, json.dumps(question).encode())
        finally:
            timer.cancel()
            child.kill()
    return answer


def _exchange(child: "subprocess.Popen[bytes]", question: bytes) -> bytes:
    """Hand in the question and return the answer; empty: there is none."""
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        return b""
    try:
        stdin.write(question)
        stdin.close()
    except BrokenPipeError:
        return b""
    answer = stdout.read(LARGEST_ANSWER + 1)
    return answer if len(answer) <= LARGEST_ANSWER else b""


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
