"""Projects that a real ETS has written; none is in this repository, because their content is protected.

`KNXGW_ETS_FIXTURES` names a folder with `.knxproj` files. A password stands beside a project, in a file
`<name>.password`; without one it is that of the projects with which xknxproject is tested.
"""

import os
from pathlib import Path

import pytest

from knxgw.catalogue.ets_words import ets_words
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message
from knxgw.errors import ConfigError, FileLine
from knxgw.ets.child_process import PYTHON_VARIABLE
from knxgw.ets.imported import MOST_DEVICES, Wanted, import_project
from knxgw.ets.match_objects import expected_objects
from knxgw.ets.project_process import read_project
from tests.peers.environments import ETS
from tests.peers.peer import require

VARIABLE = "KNXGW_ETS_FIXTURES"
USUAL_PASSWORD = "test"  # noqa: S105 - of public files
FOLDER = os.environ.get(VARIABLE)
PROJECTS = sorted(Path(FOLDER).glob("*.knxproj")) if FOLDER else []
REFUSALS = {"ets_nothing_fits", "ets_device_fits_nothing", "ets_several_devices"}

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER, reason=f"{VARIABLE} names no folder with ETS projects"),
]


def test_the_folder_has_projects() -> None:
    assert PROJECTS, FOLDER


@pytest.mark.parametrize("path", PROJECTS, ids=[one.name for one in PROJECTS])
def test_a_real_project_gives_links_or_proposals_or_names_its_devices(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(ETS)
    monkeypatch.setenv(PYTHON_VARIABLE, str(ETS.python))
    beside = path.with_suffix(".password")
    password = beside.read_text(encoding="utf-8").strip() if beside.exists() else USUAL_PASSWORD
    wanted = Wanted(file=path.name, expected=expected_objects(catalogue(), None), words=ets_words())
    with path.open("rb") as file:
        project = read_project(file, password, "en")
        said = []
        try:
            imported = import_project(project, wanted, lambda key: FileLine(path.name, 0, key))
            is_found = bool(imported.links or imported.proposals)
        except ConfigError as err:
            said = [one.words.id for one in err.findings if isinstance(one.words, Message)]
            is_found = False
    names_all = said.count("ets_device") == min(len(project.devices), MOST_DEVICES)
    assert is_found or (said[0] in REFUSALS and names_all), said
