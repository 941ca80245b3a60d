"""Reads the Dockerfile, and says what is wrong with it without an engine. Pure.

Source: [docker] Dockerfile reference: comments, continued lines, COPY, the exec form of a command.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: its word in capitals, and the rest on one line."""

    word: str
    rest: str

    def words(self) -> list[str]:
        """Return what follows it, word by word, without options."""
        return [word for word in shlex.split(self.rest) if not word.startswith("--")]

    def option(self, name: str) -> str | None:
        """Return the value of an option, as in `--from=build`."""
        found = [one for one in self.rest.split() if one.startswith(f"--{name}=")]
        return found[0].partition("=")[2] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What follows a FROM."""

    name: str  # "" where it has none
    image: str
    instructions: tuple[Instruction, ...]

    def last(self, word: str) -> str | None:
        """Return the rest of the last such instruction, which is the one that counts."""
        found = [one.rest for one in self.instructions if one.word == word]
        return found[-1] if found else None

    def environment(self) -> dict[str, str]:
        """Return the variables of its ENV instructions, as written."""
        pairs = [
            pair for one in self.instructions if one.word == "ENV" for pair in shlex.split(one.rest)
        ]
        return dict(pair.split("=", 1) for pair in pairs)

    def command(self, word: str) -> list[str]:
        """Return a command in the exec form. Raises: ValueError, it has another form."""
        text = self.last(word) or ""
        if word == "HEALTHCHECK":
            text = text.partition("CMD ")[2]
        command: Any = json.loads(text or "null")
        if not isinstance(command, list) or not all(isinstance(one, str) for one in command):
            raise ValueError(f"{word} needs the form [...]: a shell would not hand signals on")
        return command


def stages(text: str) -> tuple[Stage, ...]:
    """Return the stages of a Dockerfile."""
    found: list[tuple[str, str, list[Instruction]]] = []
    for one in _instructions(text):
        if one.word == "FROM":
            image, _, name = one.rest.partition(" AS ")
            found.append((name.strip(), image.strip(), []))
        else:
            found[-1][2].append(one)
    return tuple(
        Stage(name=name, image=image, instructions=tuple(rest)) for name, image, rest in found
    )


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        yield Instruction(word=word.upper(), rest=" ".join(rest.split()))


def mistakes(text: str, root: Path) -> Iterator[str]:
    """Yield what an engine would refuse, and what an image must have."""
    all_stages = stages(text)
    let_through = _let_through((root / ".dockerignore").read_text(encoding="utf-8"))
    names: set[str] = set()
    for stage in all_stages:
        for one in stage.instructions:
            if one.word in {"COPY", "ADD"}:
                yield from _wrong_copy(one, names, root, let_through)
        names.add(stage.name)
    yield from _wrong_end(all_stages[-1])


def _let_through(text: str) -> list[str]:
    """Return the patterns that .dockerignore excepts; it begins by leaving everything out."""
    return [line[1:] for line in text.splitlines() if line.startswith("!")]


def _wrong_copy(
    one: Instruction, names: set[str], root: Path, let_through: Sequence[str]
) -> Iterator[str]:
    source = one.option("from")
    if source is not None:
        if source not in names:
            yield f"COPY --from={source}: no stage before has this name"
        return
    *sources, _ = one.words()
    for path in sources:
        if not (root / path).exists():
            yield f"COPY {path}: there is no such file"
        elif not any(fnmatch(path.removeprefix("./"), pattern) for pattern in let_through):
            yield f"COPY {path}: .dockerignore leaves it out"


def _wrong_end(last: Stage) -> Iterator[str]:
    if last.last("USER") in {None, "root", "0"}:
        yield "USER: the program would run as root"
    for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        try:
            last.command(word)
        except ValueError as err:
            yield str(err)
    volume, place = last.last("VOLUME"), last.last("WORKDIR")
    if volume is None or volume != place:
        yield "VOLUME: the state has to survive the container, and commands run beside it"
