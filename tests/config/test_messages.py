"""What is said about a configuration: data in two languages, and of files only where one is read."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import pytest

from knxgw.catalogue.called import called
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Listed, message, message_texts
from knxgw.errors import EtsParameter, FileLine, Finding, FormField
from tests.config.sites import read
from tests.config.test_faults_and_warnings import WARNINGS
from tests.config.test_mistakes import MISTAKES

ROOT = Path(__file__).parents[2]
READERS_OF_FILES = ("catalogue/yaml_tree", "config/load", "config/yaml_", "config/edit_yaml")
ETS = ("ets/", "commands/import_ets")  # about files that ETS wrote, wherever they come from
FIRMWARE = ("firmware/", "updating")  # about files that hold one
STORE = "store/"  # what it says is about files on a disk, wherever the configuration comes from
PARTS = ("", "file_", "remedy_", "remedy_file_")
TEXTS = message_texts()
OF_A_FILE = re.compile(
    r"`|_|\bYAML\b|(?<!backbone )\bkeys?\b|\bsections?\b|\bfiles?\b|\blines? \{|\bin line\b|\bindent"
    r"|(?<!Backbone-)\bSchlüssel\b|\bAbschnitt|\bDatei|\bZeile|\bEinrück"
)
NAMED_FILES = {  # about a file that a parameter names
    *("expected_file_name", "keyring_password_missing", "named_file_missing"),
    *("keyring_signature", "keyring_unreadable", "keyring_is_none"),
    *("password_file_unreadable", "password_file_no_text"),
    *("certificate_not_pem", "key_not_pem", "key_has_password", "key_of_another_certificate"),
    *("website_key_missing", "website_certificate_missing", "certificate_refused"),
    "uploaded_file",  # by a page
}


class Use(NamedTuple):
    """A place in the program that says something."""

    where: str
    id: str
    arguments: frozenset[str]


def uses() -> Iterator[Use]:
    """Yield every use of a message; an id has to stand where it is used."""
    for path in sorted((ROOT / "knxgw").rglob("*.py")):
        name = path.relative_to(ROOT / "knxgw").as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (place := _place_of_id(node)) is not None:
                if name in {"config/report.py", "config/not_allowed.py"}:
                    continue  # they hand on what they are given
                said = node.args[place]
                assert isinstance(said, ast.Constant), f"{name}:{node.lineno}: not a plain id"
                names = frozenset(str(one.arg) for one in node.keywords) - {"remedy"}
                yield Use(f"{name}:{node.lineno}", str(said.value), names)


def _place_of_id(node: ast.Call) -> int | None:
    """Return which argument of a call is the id of a message."""
    match node.func:
        case ast.Name(id="message" | "NotAllowedError" | "not_taken"):
            return 0
        case ast.Attribute(attr="error" | "warning", value=ast.Name(id="report")):
            return 1
        case ast.Attribute(attr="error" | "warning", value=ast.Attribute(attr=attr)):
            return 1 if attr.endswith("report") else None
        case _:
            return None


@cache
def every_use() -> tuple[Use, ...]:
    """Return what `uses` yields; every module is read for it."""
    return tuple(uses())


def placeholders(texts: dict[str, str], language: str) -> set[str]:
    """Return the arguments that the texts of one language take."""
    return {
        name.split(".")[0]
        for part in PARTS
        for _, name, _, _ in Formatter().parse(texts.get(f"{part}{language}", ""))
        if name
    }


def test_every_message_that_is_said_exists_and_every_one_is_said() -> None:
    assert {one.id for one in every_use()} == set(TEXTS)


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_text_takes_exactly_the_arguments_it_is_given(language: str) -> None:
    taken = [(use, placeholders(dict(TEXTS[use.id]), language)) for use in every_use()]
    assert [(use, names) for use, names in taken if names != use.arguments] == []


def test_every_text_is_there_in_both_languages() -> None:
    assert TEXTS
    for id_, texts in TEXTS.items():
        there = {part for part in PARTS if f"{part}en" in texts}
        assert "" in there, id_
        wanted = {f"{part}{language}" for part in there for language in ("en", "de")}
        assert set(texts) == wanted, id_
        for part in there:
            assert texts[f"{part}en"].strip(), id_
            assert texts[f"{part}de"].strip(), id_


def test_only_what_is_said_of_a_file_speaks_of_keys_lines_and_yaml() -> None:
    elsewhere = {
        use.id
        for use in every_use()
        if not use.where.startswith((*READERS_OF_FILES, *ETS, *FIRMWARE, STORE))
    }
    assert elsewhere > NAMED_FILES
    found = [
        (id_, name, text)
        for id_ in sorted(elsewhere - NAMED_FILES)
        for name, text in TEXTS[id_].items()
        if "file_" not in name
        and OF_A_FILE.search(re.sub(r"\{[a-z._]+\}|KNXGW_KEYRING_PASSWORD", "", text))
    ]
    assert found == []


@pytest.mark.parametrize("text", [one[0] for one in (*MISTAKES.values(), *WARNINGS.values())])
def test_every_finding_is_said_in_german_too(text: str) -> None:
    for finding in read(text).findings:
        english, german = finding.said("en"), finding.said("de")
        assert german[0] != english[0]
        assert bool(german[1]) == bool(english[1])
        assert "".join(german).isprintable()


def test_a_finding_says_what_to_do_where_it_stands() -> None:
    words = message("gateway_missing", link="tunnelling")
    key = "knx.gateway"
    in_file = Finding(place=FileLine("site.yaml", 3, key), words=words)
    in_form = Finding(place=FormField(key, None, key), words=words)
    in_ets = Finding(place=EtsParameter(6, None, key), words=words)
    problem = "is missing, link tunnelling needs it"
    assert str(in_file) == (
        f"site.yaml:3: error: {key}: {problem}; add `gateway: host` of the KNX IP interface"
    )
    assert in_form.said("en") == (
        "is missing, a tunnel needs it",
        "fill in the host of the KNX IP interface",
    )
    assert in_form.said("de") == (
        "fehlt, ein Tunnel braucht sie",
        "den Host der KNX-IP-Schnittstelle eintragen",
    )
    assert str(in_ets).startswith(f"ETS parameter 6: error: {key}: is missing, a tunnel needs it")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("mode", ["dynamic", "static"])
def test_a_form_does_not_call_load_management_by_the_value_that_the_file_has(
    language: str, mode: str
) -> None:
    words = message("fuse_missing", mode=mode)
    assert mode in words.problem(language, in_file=True)
    assert mode not in words.problem(language)


def test_a_single_address_that_fits_nothing_is_not_called_several() -> None:
    words = message("ets_left_over", count=1, addresses=Listed(("1/1/3",)))
    assert words.problem().endswith(", 1 in all: 1/1/3")
    assert words.problem("de").endswith(", insgesamt 1: 1/1/3")


def test_numbers_and_lists_are_written_as_the_language_has_it() -> None:
    words = message("expected_number_or", words=Listed(("off", "none"), "or"), text="'x'")
    assert words.problem() == "expected a number or off or none, got 'x'"
    assert words.problem("de") == "Zahl oder off oder none erwartet, erhalten 'x'"
    assert message("write_value", value=6.5).problem("de") == "6,5 schreiben"
    assert message("write_value", value=16.0).problem() == "write 16"


def test_a_model_is_called_by_its_name_but_in_a_file_by_its_id() -> None:
    model = catalogue().chargers["alfen_eve"]
    words = message("one_client_only", device="cp1", model=called(model))
    assert "(alfen_eve)" in words.problem("en", in_file=True)
    assert f"({model.manufacturer} {model.model})" in words.problem("de")
