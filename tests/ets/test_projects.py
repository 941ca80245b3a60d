"""Projects of ETS 4, 5 and 6 are read by xknxproject, in a process of its own."""

import base64
import json
import subprocess
from pathlib import Path
from zipfile import ZIP_STORED

import pytest
from click.testing import CliRunner, Result

from knxgw.catalogue.load import catalogue
from knxgw.cli import main
from knxgw.config.load import parse_configuration
from knxgw.ets.child_process import PYTHON_VARIABLE, Bounds
from knxgw.ets.project import EtsFileError, EtsProject
from knxgw.ets.project_process import read_project
from tests.config.sites import HOME
from tests.ets.hostile import many
from tests.ets.projects import (
    ID,
    OTHER_APPLICATION,
    SECRETS,
    Address,
    Device,
    Object,
    Project,
    archive,
    documents,
    knxproj,
    zip_crypto,
)
from tests.peers.environments import ETS
from tests.peers.peer import require
from tests.support.netns import REPOSITORY

pytestmark = pytest.mark.real
SCHEMAS = (11, 14, 20, 21, 23)
PASSWORD = "pässword"  # noqa: S105 - made up


@pytest.fixture(autouse=True)
def library_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the child run with the Python that has xknxproject; skip where there is none."""
    require(ETS)
    monkeypatch.setenv(PYTHON_VARIABLE, str(ETS.python))


def project(schema: int = 20, **more: str) -> Project:
    """Return a house with our gateway and a dimmer."""
    gateway = Device(
        address=5,
        objects=[
            Object(number=55, links=["1/0/1", "1/0/2"], flags="C-WTU-"),
            Object(number=66, links=["1/0/3"], dpt="DPST-9-24", size="2 Bytes"),
            Object(number=57, links=["1/0/2"]),
        ],
    )
    dimmer = Device(
        address=6,
        name="Dimmer",
        application=OTHER_APPLICATION,
        objects=[Object(number=1, links=["1/0/2"])],
    )
    return Project(
        schema=schema,
        devices=[gateway, dimmer],
        addresses=[
            Address(address="1/0/1", name="LP1 Sperre", dpt="DPST-1-2"),
            Address(address="1/0/2", name="Zentral"),
            Address(address="1/0/3", name="LP1 Leistung", dpt="DPST-9-24", is_secured=True),
        ],
        **more,
    )


def protected(made: Project, password: str = PASSWORD) -> bytes:
    """Return a project as ETS protects it."""
    _, private = documents(made)
    if made.schema < 21:
        return knxproj(made, zip_crypto(private, password.encode()))
    question = json.dumps({"members": private, "password": password})
    run = subprocess.run(
        [ETS.python, "-m", "tests.peers.scripts.ets_zip"],
        input=question,
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    return knxproj(made, base64.b64decode(run.stdout))


def read(path: Path, data: bytes, password: str | None = None) -> EtsProject:
    """Return what a project says."""
    path.write_bytes(data)
    with path.open("rb") as file:
        return read_project(file, password, "en")


def refusal(path: Path, data: bytes, password: str | None = None) -> str:
    """Return the id of what is said of a project that is refused."""
    with pytest.raises(EtsFileError) as caught:
        read(path, data, password)
    return caught.value.words.id


def knxgw(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["import-ets", *arguments])


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("password", [None, PASSWORD])
def test_a_project_of_every_ets_is_read(tmp_path: Path, schema: int, password: str | None) -> None:
    made = project(schema)
    data = protected(made, password) if password else knxproj(made)
    found = read(tmp_path / "p.knxproj", data, password)
    assert found.name == "Test house"
    assert [one.individual_address for one in found.devices] == ["1.0.5", "1.0.6"]
    gateway = found.devices[0]
    assert (gateway.name, gateway.manufacturer) == ("EV gateway", "KNX Association")
    assert [(one.number, one.addresses) for one in gateway.objects] == [
        (55, ("1/0/1", "1/0/2")),
        (66, ("1/0/3",)),
        (57, ("1/0/2",)),
    ]
    assert [str(one.flags) for one in gateway.objects] == ["C-WTU-", "CR-T--", "CR-T--"]
    entry = found.addresses[gateway.objects[1].addresses[0]]
    assert (entry.name, entry.dpt, entry.is_secured) == ("LP1 Leistung", "9.024", True)
    assert entry.ranges == ("EV charging", "Garage")


FUNCTIONS = (
    '<Locations><Space Id="P-0E50-0_BP-1" Type="Building" Name="House" Puid="12"><Function '
    'Id="P-0E50-0_F-1" Name="f" Type="FT-0" Puid="3"><GroupAddressRef Id="P-0E50-0_GF-1" '
    'RefId="P-0E50-0_GA-1" Name="" Puid="4"/></Function></Space></Locations>'
)
BOTH_WAYS = """
import json, sys
from knxgw.ets.project_child import _parsed, _shortened
from xknxproject import XKNXProj
path, password = sys.argv[1], sys.argv[2] or None
ours = _shortened(_parsed(path, password, "en"))
theirs = _shortened(XKNXProj(path, password=password, language="en").parse())
print(json.dumps([ours, theirs]))
"""


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_our_way_through_the_library_gives_what_the_library_gives(
    tmp_path: Path, schema: int, password: str
) -> None:
    path, made = tmp_path / "p.knxproj", project(schema)
    path.write_bytes(protected(made, password) if password else knxproj(made))
    run = subprocess.run(
        [ETS.python, "-c", BOTH_WAYS, path, password],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    ours, theirs = json.loads(run.stdout)
    assert ours == theirs
    assert len(ours["devices"]) == 2


def test_buildings_and_their_functions_are_left_out(tmp_path: Path) -> None:
    """The library would refuse a function of an unknown address, and look for each in all of them."""
    public, private = documents(project())
    for functions in (FUNCTIONS, FUNCTIONS.replace("GA-1", "GA-99")):
        text = private["0.xml"].replace("<GroupAddresses>", f"{functions}<GroupAddresses>")
        members = {f"{ID}/{name}": one for name, one in (private | {"0.xml": text}).items()}
        found = read(tmp_path / "p", archive(public | members))
        assert (len(found.devices), len(found.addresses)) == (2, 3)


def test_the_time_for_a_large_project_does_not_grow_with_its_square(tmp_path: Path) -> None:
    """6000 objects and 8000 addresses; the library alone would need several times the bound."""
    addresses = [f"{1 + (i >> 11)}/{i >> 8 & 7}/{i & 255}" for i in range(8000)]
    devices = [
        Device(
            address=number,
            application=OTHER_APPLICATION,
            objects=[
                Object(number=i, links=[addresses[60 * number + i], addresses[i]])
                for i in range(60)
            ],
        )
        for number in range(1, 101)
    ]
    made = Project(
        devices=devices, addresses=[Address(address=one, name=f"Light {one}") for one in addresses]
    )
    path = tmp_path / "p"
    path.write_bytes(knxproj(made))
    with path.open("rb") as file:
        found = read_project(file, None, "en", bounds=Bounds(cpu_s=3))
    assert (len(found.devices), len(found.addresses)) == (100, 8000)
    assert found.devices[99].objects[59].addresses == (addresses[6059], addresses[59])


def test_a_device_with_more_objects_than_any_has_is_refused(tmp_path: Path) -> None:
    public, private = documents(project())
    objects = many(16_385, '<ComObjectInstanceRef RefId="O-55_R-1" Links="GA-1" {}/>')
    text = private["0.xml"].replace("Refs>", f"Refs>{objects}", 1)
    members = {f"{ID}/{name}": one for name, one in (private | {"0.xml": text}).items()}
    assert refusal(tmp_path / "p", archive(public | members)) == "ets_project_too_large"


def test_an_object_with_a_million_links_keeps_those_that_ets_allows(tmp_path: Path) -> None:
    public, private = documents(project())
    many_links = " ".join(["GA-1"] * 1_000_000)
    text = private["0.xml"].replace('Links="GA-3"', f'Links="GA-3 {many_links}"')
    members = {f"{ID}/{name}": one for name, one in (private | {"0.xml": text}).items()}
    data = archive(public | members, ZIP_STORED)
    (gateway, _) = read(tmp_path / "p", data).devices
    assert len(gateway.objects[1].addresses) == 255


@pytest.mark.parametrize("schema", [20, 21])
def test_a_wrong_password_and_none_are_told_apart(tmp_path: Path, schema: int) -> None:
    data = protected(project(schema))
    assert refusal(tmp_path / "p", data) == "ets_password_missing"
    for wrong in ("wrong", "password", "Pässword"):
        assert refusal(tmp_path / "p", data, wrong) == "ets_password_wrong"


def test_the_links_are_a_configuration(tmp_path: Path) -> None:
    path, output = tmp_path / "p.knxproj", tmp_path / "links.yaml"
    path.write_bytes(knxproj(project()))
    result = knxgw(str(path), "--output", str(output))
    assert result.exit_code == 0, result.output
    text = output.read_text(encoding="utf-8")
    site = HOME.replace("knx: {link: tunnelling, gateway: 192.168.1.10}\n", "")
    linked = text.replace("knx:\n", "knx:\n  link: routing\n")
    loaded = parse_configuration(linked + site, catalogue())
    assert loaded.configuration is not None, loaded.findings
    assert loaded.configuration.knx.individual_address == "1.0.5"
    links = loaded.configuration.group_objects
    assert {number: one.addresses for number, one in links.items()} == {
        55: ("1/0/1", "1/0/2"),
        66: ("1/0/3",),
    }
    assert "group_objects.55: taken: 1/0/1, 1/0/2 (Interruption)" in result.output
    assert "group_objects.57: there is no group object 57" in result.output
    assert "knx.keyring: secured in ETS: 1/0/3" in result.output


def test_another_device_is_taken_where_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.knxproj"
    path.write_bytes(knxproj(project()))
    result = knxgw(str(path), "--device", "1.0.6")
    assert "  1: [1/0/2]" in result.stdout
    assert "individual_address: 1.0.6" in result.stdout
    unknown = knxgw(str(path), "--device", "1.0.7")
    assert unknown.exit_code == 1
    assert "has no device 1.0.7" in unknown.output
    assert "1.0.6: Dimmer, Siemens, linked group objects: 1" in unknown.output


def test_a_project_without_anything_for_us_names_its_devices(tmp_path: Path) -> None:
    made = Project(
        devices=[project().devices[1]], addresses=[Address(address="1/0/2", name="Light")]
    )
    path = tmp_path / "p.knxproj"
    path.write_bytes(knxproj(made))
    result = knxgw(str(path))
    assert result.exit_code == 1
    assert "has neither this gateway, nor a device with its object numbers" in result.output
    assert "1.0.6: Dimmer, Siemens, linked group objects: 1" in result.output


@pytest.mark.parametrize("schema", [20, 21])
def test_no_secret_leaves_the_process_that_reads(tmp_path: Path, schema: int) -> None:
    path, word = tmp_path / "p.knxproj", tmp_path / "word"
    word.write_text(PASSWORD, encoding="utf-8")
    path.write_bytes(protected(project(schema)))
    before = sorted(tmp_path.iterdir())
    result = knxgw(str(path), "--password-file", str(word))
    assert result.exit_code == 0
    assert "  66: [1/0/3]" in result.output
    assert [secret for secret in (*SECRETS, PASSWORD) if secret in result.output] == []
    assert sorted(tmp_path.iterdir()) == before


def test_the_password_is_in_no_command_line_and_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, python = tmp_path / "seen", tmp_path / "python"
    python.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} > {seen}\nexec {ETS.python} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv(PYTHON_VARIABLE, str(python))
    found = read(tmp_path / "p.knxproj", protected(project()), PASSWORD)
    assert found.name == "Test house"
    assert "project_child" in seen.read_text()
    assert PASSWORD not in seen.read_text()


def test_the_process_that_reads_cannot_write_a_file(tmp_path: Path) -> None:
    write = (
        "from knxgw.ets.process_bounds import bound_this_process; import sys\n"
        "bound_this_process(2**30, 10)\n"
        "with open(sys.argv[1], 'w') as file: file.write('decrypted')"
    )
    target = tmp_path / "leak"
    run = subprocess.run(
        [ETS.python, "-c", write, str(target)], cwd=REPOSITORY, capture_output=True, check=False
    )
    assert b"File too large" in run.stderr
    assert target.read_bytes() == b""


@pytest.mark.parametrize("schema", [20, 21])
@pytest.mark.parametrize("broken", ["xml", "numbers", "entities", "addresses"])
def test_a_damaged_document_is_refused_without_its_words(
    tmp_path: Path, schema: int, broken: str
) -> None:
    made = {
        "entities": project(schema, doctype='<!DOCTYPE K [<!ENTITY a "planted">]>'),
        "addresses": project(schema, extra=many(65_536)),
        "numbers": project(schema, extra='<GroupAddress Id="a_b" Address="planted-project" />'),
        "xml": project(schema, extra="<GroupAddress planted-project"),
    }[broken]
    expected = {"entities": "ets_xml_unsafe", "addresses": "ets_too_many_addresses"}
    with pytest.raises(EtsFileError) as caught:
        read(tmp_path / "p", protected(made), PASSWORD)
    assert caught.value.words.id == expected.get(broken, "ets_project_damaged")
    assert "planted" not in repr(caught.value.words)


def test_a_child_that_takes_too_much_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_bytes(knxproj(project()))
    for bounds in (Bounds(memory=2**20), Bounds(time_s=0)):
        with path.open("rb") as file, pytest.raises(EtsFileError) as caught:
            read_project(file, None, "en", bounds=bounds)
        assert caught.value.words.id == "ets_project_too_large"


def test_without_the_library_there_is_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([ETS.python, "-m", "venv", "--without-pip", bare], check=True)
    monkeypatch.setenv(PYTHON_VARIABLE, str(bare / "bin" / "python"))
    path = tmp_path / "p.knxproj"
    path.write_bytes(knxproj(project()))
    result = knxgw(str(path))
    assert result.exit_code == 1
    assert "pip install 'knxgw[ets]'" in result.output
    monkeypatch.setenv(PYTHON_VARIABLE, str(bare / "none"))
    assert "cannot be started" in knxgw(str(path)).output


def test_a_device_without_an_address_is_passed_over(tmp_path: Path) -> None:
    public, private = documents(project())
    text = private["0.xml"].replace('<Area Id="P-0E50-0_A-1" Address="1"', '<Area Address="0"')
    private["0.xml"] = text.replace('Address="6"', 'Address="0"')
    data = archive(public | {f"{ID}/{name}": text for name, text in private.items()})
    assert [one.individual_address for one in read(tmp_path / "p", data).devices] == ["0.0.5"]


def test_a_project_without_its_documents_is_damaged(tmp_path: Path) -> None:
    public, private = documents(project())
    del private["0.xml"]
    data = archive(public | {f"{ID}/{name}": text for name, text in private.items()})
    assert refusal(tmp_path / "p", data) == "ets_project_damaged"
