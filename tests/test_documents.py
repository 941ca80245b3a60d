"""The documents are true: generated pages are current, links lead somewhere, commands exist."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from knxgw.catalogue import load_control, load_models, load_points
from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.directory import product_db
from knxgw.catalogue.load import catalogue
from knxgw.cli import main
from knxgw.host.memory import SERVICE_ENVIRONMENT
from tests.support.pages import CODE, DOCS, ROOT, anchors, links, prose
from tools.pages.catalogue import PAGES

WRITTEN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LATER = {DOCS / "performance.md", DOCS / "conformance.md"}  # reports: they may name what is planned
SENTENCE = 40  # characters; shorter ones may come again


def name(path: Path) -> str:
    """Return how a page is called in the output of the tests."""
    return str(path.relative_to(ROOT))


# --- generated pages -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_what_the_catalogue_says(page: str) -> None:
    written = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert written == PAGES[page](catalogue()), "run `make generate`"


@pytest.mark.real
def test_the_generator_prints_a_page_and_refuses_an_unknown_one() -> None:
    command = [sys.executable, "-m", "tools.pages.catalogue"]
    good = subprocess.run([*command, "chargers"], capture_output=True, text=True, check=True)
    assert good.stdout == PAGES["chargers"](catalogue())
    wrong = subprocess.run([*command, "dishes"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "objects|chargers" in wrong.stderr


def test_every_group_object_stands_in_the_objects_page() -> None:
    page = (DOCS / "objects.md").read_text(encoding="utf-8")
    for one in catalogue().objects:
        rows = [line for line in page.splitlines() if line.startswith(f"| {one.number} |")]
        row = next(line for line in rows if f"| {one.function.en} |" in line)
        assert f"| {one.function.de} |" in row
        assert f"`{one.flags}`" in row
        assert all(dpt in row for dpt in one.dpts)
        if one.is_per_point:
            assert f"| {one.number_of(2)} | {one.number_of(3)} |" in row


def test_every_state_and_every_fault_stands_in_the_objects_page() -> None:
    page = (DOCS / "objects.md").read_text(encoding="utf-8")
    assert all(f"| {int(state)} | " in page for state in ChargingState)
    for code, fault in catalogue().product.faults.definitions.items():
        assert f"| `{code}` | " in page
        assert f"| {fault.title.en} | {fault.cause.en} | {fault.remedy.en} |" in page


def test_every_reason_of_a_limit_stands_in_the_objects_page_with_its_words() -> None:
    page = (DOCS / "objects.md").read_text(encoding="utf-8")
    for reason, one in catalogue().product.texts.reasons.items():
        named = f"| {int(reason)} | `{reason.name.lower()}` | {one.words.en} | {one.words.de} |"
        assert f"{named} {one.bus.en} | {one.bus.de} |" in page


@pytest.mark.parametrize("kind", ["chargers", "meters"])
def test_every_model_stands_in_its_page_with_its_sources_and_quirks(kind: str) -> None:
    page = (DOCS / f"{kind}.md").read_text(encoding="utf-8")
    for model in getattr(catalogue(), kind).values():
        section = page.split(f'<a id="{model.id}"></a>', 1)[1].split("<a id=", 1)[0]
        assert f"{model.manufacturer} {model.model}" in section
        for text in (*model.sources, *model.quirks, *model.setup, *model.variants):
            assert text in section


def test_the_matrix_marks_what_a_model_supplies() -> None:
    lines = (DOCS / "chargers.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    column = next(row for row in rows if row[0] == "model").index("59")
    marked = {row[0].strip("`") for row in rows if len(row) > column and row[column] == "●"}
    chargers = catalogue().chargers
    assert marked == {one for one in chargers if "unlock" in chargers[one].capabilities}


# --- hand-written pages --------------------------------------------------------------------------


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    assert dead_links(path) == []


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_no_anchor_of_a_page_stands_twice(path: Path) -> None:
    assert [anchor for anchor, count in anchors(path).items() if count > 1] == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# One\n\n## Two, and [three](#one)\n\n## One\n\n<a id="four"></a>\n\n[](#two-and-three) [](#one-1) '
        "[](#four) [](page.md#one) [](https://elsewhere/#x)\n\n```sh\n[](no-link)\n```\n\n"
        '[](#five) [](other.md) [](page.md#two) <img src="none.svg"> [](/etc/hostname)\n'
    )
    assert dead_links(page, tmp_path) == [
        "#five",
        "other.md",
        "page.md#two",
        "none.svg",
        "/etc/hostname",
    ]


def dead_links(path: Path, root: Path = ROOT) -> list[str]:
    """Return the links of a page to no file of the repository, or to no anchor of a page."""
    dead = []
    for target in links(path):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        place = (path.parent / file).resolve() if file else path.resolve()
        inside = place.exists() and place.is_relative_to(root.resolve())
        if not inside or (fragment and place.suffix == ".md" and fragment not in anchors(place)):
            dead.append(target)
    return dead


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md" or not path.is_file():
            continue
        seen.add(path)
        waiting += [(path.parent / link.partition("#")[0]).resolve() for link in links(path)]
    assert {name(page) for page in WRITTEN} - {name(page) for page in seen | LATER} == set()


def test_the_readme_starts_with_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.split("## Two commands", 1)[1].split("```sh\n", 1)[1].split("```", 1)[0]
    assert [line.split("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_every_make_target_that_is_quoted_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for line in quoted(path):
        if (words := line.split())[0] == "make" and len(words) > 1:
            assert words[1] in targets, line


@pytest.mark.parametrize("path", [page for page in WRITTEN if page not in LATER], ids=name)
def test_every_command_that_is_quoted_is_one(path: Path) -> None:
    for command in knxgw_commands(path):
        parse(command)


def test_the_check_of_commands_sees_them_and_finds_a_wrong_one() -> None:
    readme = {tuple(words[:1]) for words in knxgw_commands(ROOT / "README.md")}
    assert readme >= {("check",), ("objects",), ("run",)}
    with pytest.raises(click.UsageError):
        parse(["objects", "--colour"])
    with pytest.raises(click.UsageError):
        parse(["fly"])


def quoted(path: Path) -> Iterator[str]:
    """Yield every line of a shell block and every inline code of a page."""
    text = path.read_text(encoding="utf-8")
    for language, block in CODE.findall(text):
        if language in ("sh", "ini"):
            joined = block.replace("\\\n", " ")
            yield from (line.strip() for line in joined.splitlines() if line.strip())
    for inline in re.findall(r"`([^`\n]+)`", prose(path)):
        yield inline.strip() or "-"


def knxgw_commands(path: Path) -> Iterator[list[str]]:
    """Yield the words behind `knxgw` wherever a page quotes a command."""
    for line in quoted(path):
        for part in re.split(r"&&|;", line):
            words = shlex.split(part, comments=True) if part.count('"') % 2 == 0 else part.split()
            if words and words[0].startswith("ExecStart="):
                words[0] = words[0].removeprefix("ExecStart=")
            if len(words) > 1 and Path(words[0]).name == "knxgw" and not words[0].endswith("/"):
                yield words[1:]
            elif words[:2] == ["docker", "run"] and "check" in words:
                yield words[words.index("check") :]


def parse(words: list[str]) -> None:
    """Parse a command as click does; its bare name is enough. Raises: click.UsageError."""
    context = click.Context(main)
    if words == ["--version"]:
        return
    found, command, rest = main.resolve_command(context, list(words))
    assert command is not None, found
    if rest:
        command.make_context(found, rest, parent=context)


# --- pages that describe data --------------------------------------------------------------------


def test_every_key_of_a_device_model_is_explained() -> None:
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    keys = {*load_models._KEYS, *load_control._CONTROL_KEYS, *load_control._WATCHDOG_KEYS}
    keys |= {*load_models._INTERFACE_KEYS, *load_models._SERIAL_KEYS, *load_points._KEYS}
    keys |= set(load_points._COUNTS) | {"str", "strw", "bytes"}
    assert {key for key in keys if not re.search(rf"`(\w+\.)?{key}[`.]", page)} == set()


def test_the_example_of_a_device_model_is_good(tmp_path: Path) -> None:
    from knxgw.catalogue.load import FILES, load_catalogue  # noqa: PLC0415 - for this test only

    page = (DOCS / "models.md").read_text(encoding="utf-8")
    example = next(block for language, block in CODE.findall(page) if language == "yaml")
    for folder in ("chargers", "meters"):
        (tmp_path / folder).mkdir()
    for name in FILES:
        (tmp_path / f"{name}.yaml").write_bytes((product_db() / f"{name}.yaml").read_bytes())
    (tmp_path / "chargers" / "example_box.yaml").write_text(example, encoding="utf-8")
    model = load_catalogue(tmp_path).chargers["example_box"]
    assert model.capabilities >= {"current", "current_l1", "fault_info_1"}


def test_the_changelog_says_nothing_twice() -> None:
    text = " ".join((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split())
    sentences = [one for one in re.split(r"(?<=[.:;]) | - ", text) if len(one) > SENTENCE]
    twice = {one for one in sentences if sentences.count(one) > 1}
    assert not twice, "lines of several changes were merged: say it once"


def test_every_room_stands_in_the_architecture() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [room.strip(" ()") for layer in layers for room in layer.split("|")]
    assert [room for room in rooms if not re.search(rf"`knxgw/{room}(/|\.py)`", page)] == []
    chart = page.split("```mermaid", 1)[1].split("```", 1)[0]
    places = [re.search(rf"\b{room}\b", chart) for room in rooms]
    assert None not in places, "a room is missing in the diagram"


# --- the architecture leads to the tests ---------------------------------------------------------

LARGE_ROOMS = ("dlm", "station", "charging", "modbus", "links")


def named_tests() -> dict[str, set[str]]:
    """Return the tests that the architecture names: of each folder the files, or none."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    folder = ""
    for path in re.findall(r"`(tests/[\w./]*|test_\w+\.py)`", page):
        if path.startswith("tests/"):
            folder, _, file = path.rpartition("/")
        else:
            file = path
        found.setdefault(folder, set()).update({file} - {""})
    return found


def test_every_test_that_the_architecture_names_exists() -> None:
    for folder, files in named_tests().items():
        assert (ROOT / folder).is_dir(), folder
        assert {file for file in files if not (ROOT / folder / file).exists()} == set(), folder


def test_every_room_says_where_its_tests_are() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = page.split("| room |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    assert len(rows) > 20
    silent = [row.split("|")[1] for row in rows if "`tests/" not in row.split("|")[-2]]
    assert all("knxip" in room for room in silent), silent


@pytest.mark.parametrize("room", LARGE_ROOMS)
def test_whoever_looks_for_the_tests_of_a_module_finds_them(room: str) -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    topics = page.split("### Where a module is tested", 1)[1].split("\n## ", 1)[0]
    named = re.findall(r"`(?:\w+/)?(\w+)\.py`", topics)
    modules = {path.stem for path in (ROOT / "knxgw" / room).glob("*.py")} - {"__init__"}
    files = {path.name for path in (ROOT / "tests" / room).glob("test_*.py")}
    assert {one for one in modules - set(named) if f"test_{one}.py" not in files} == set()


# --- the door ------------------------------------------------------------------------------------


def test_the_workflow_tries_every_python_that_the_package_names() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [one.rpartition(" ")[2] for one in settings["project"]["classifiers"]]
    pythons = [name for name in names if re.fullmatch(r"3\.\d+", name)]
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == pythons
    assert settings["project"]["requires-python"] == f">={pythons[0]}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*-*.yml")), ids=name
)
def test_a_form_for_an_issue_is_one(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form.keys() == {"name", "description", "labels", "body"}
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert {one["type"] for one in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    ids = [one["id"] for one in fields]
    assert len(set(ids)) == len(ids)
    assert all(one["attributes"]["label"] for one in fields)


def test_who_reports_a_bug_is_told_what_never_to_attach() -> None:
    form = (ROOT / ".github/ISSUE_TEMPLATE/1-bug.yml").read_text(encoding="utf-8")
    never = form.split("**Never attach**", 1)[1].split("\n\n", 1)[0]
    assert all(word in never for word in ("keyring", "password", "FDSK", "RFID"))


def test_the_readme_counts_the_models() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for kind, models in (
        ("chargers", catalogue().chargers),
        ("electricity meters", catalogue().meters),
    ):
        count = re.search(rf"(\d+) \[{kind}\]", readme)
        assert count is not None
        assert int(count[1]) == len(models), f"{kind} in README.md"


@pytest.mark.parametrize("path", [DOCS / "install.md", ROOT / "Dockerfile"], ids=name)
def test_service_and_container_begin_as_the_bench_measures(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert all(f"{key}={value}" in text for key, value in SERVICE_ENVIRONMENT.items())
