"""The packages that run in this program, with their licences, as they are installed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution

OURSELVES = "knxgw"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed package."""

    name: str
    version: str
    licence: str  # as the package names it
    source: str  # where its source is offered; empty: it does not say
    texts: tuple[str, ...]  # of its licence files


@cache
def packages() -> tuple[Package, ...]:
    """Return every package that this program needs, its own last needs too, by name."""
    found: dict[str, Package] = {}
    waiting = [OURSELVES]
    while waiting:
        name = _key(waiting.pop())
        if name in found:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # needed on other platforms only
        found[name] = _package(installed)
        waiting += _needs(installed)
    return tuple(found[name] for name in sorted(found))


def _needs(installed: Distribution) -> Iterator[str]:
    for line in installed.requires or ():
        name = _NAME.match(line)
        if name is not None and "extra ==" not in line:
            yield name.group()


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _package(installed: Distribution) -> Package:
    about = installed.metadata
    texts = [
        file.read_text(encoding="utf-8")
        for file in installed.files or ()
        if _LICENCE_FILE.search(file.name) and file.suffix in ("", ".txt", ".md", ".rst")
    ]
    return Package(
        name=about["Name"],
        version=installed.version,
        licence=_licence(installed),
        source=_source(installed),
        texts=tuple(texts),
    )


def _licence(installed: Distribution) -> str:
    """Return the licence in one line: its expression, its classifier, or its free text."""
    expressions = _lines(installed, "License-Expression")
    if expressions:
        return expressions[0]
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in _lines(installed, "Classifier")
        if line.startswith("License ::")
    ]
    texts = [line.split("\n", 1)[0][:80] for line in _lines(installed, "License")]
    return ", ".join(classifiers or texts)


def _lines(installed: Distribution, key: str) -> list[str]:
    """Return what a package says under a key of its metadata."""
    return [str(line) for line in installed.metadata.get_all(key) or ()]


def _source(installed: Distribution) -> str:
    """Return the address at which the source is offered."""
    addresses = {}
    for line in _lines(installed, "Project-URL"):
        label, _, address = line.partition(",")
        addresses[label.strip().lower()] = address.strip()
    for label in ("source", "source code", "repository", "code", "github", "homepage"):
        if label in addresses:
            return addresses[label]
    return next(iter(_lines(installed, "Home-page")), "")
