"""Configuration files written for 0.1, kept as they were, mean today what they meant then.

Beside each file stands what the program of that time made of it: the lines of its summary, and the
group objects with their addresses.
"""

from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.summary import summary

FILES = sorted((Path(__file__).parent / "old").glob("*.yaml"))


def test_there_are_old_files() -> None:
    assert len(FILES) == 5


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_old_file_means_what_it_meant(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    loaded = parse_configuration(text, catalogue(), name=file.name)
    configuration = loaded.configuration
    assert configuration is not None, [str(one) for one in loaded.findings]
    objects = [
        f"{number} {' '.join(link.addresses)}"
        for number, link in sorted(configuration.group_objects.items())
    ]
    said = [*summary(configuration), *objects]
    assert said == file.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
