"""Configuration files written for 0.1, kept as they were, mean today what they meant then.

Beside each file stands what the program of that time made of it: the lines of its summary, and the
group objects with their addresses. What has changed on purpose since then stands here, and as
**Breaking** in the changelog.
"""

import re
from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.summary import summary

FILES = sorted((Path(__file__).parent / "old").glob("*.yaml"))
WEBSITE_OF_THIS_MACHINE = "website: http://127.0.0.1:8080/"
WEBSITE_OF_THE_NETWORK = "website: http://0.0.0.0:8080/"  # it asks for a password now


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
    meant = file.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    if "listen:" not in text:
        meant[meant.index(WEBSITE_OF_THIS_MACHINE)] = WEBSITE_OF_THE_NETWORK
    assert said == meant


def test_the_website_of_an_old_file_stays_where_the_file_says_and_the_changelog_says_the_rest() -> (
    None
):
    texts = [file.read_text(encoding="utf-8") for file in FILES]
    assert {"listen: 127.0.0.1:8080" in text for text in texts} == {True, False}
    changelog = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    (entry,) = re.findall(r"\*\*Breaking\*\*: the website listens.*?(?=\n- )", changelog, re.DOTALL)
    for words in ("0.0.0.0:8080", "listen: 127.0.0.1:8080", "password"):
        assert words in entry
