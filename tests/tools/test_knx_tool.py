"""What the KNX tool loads is what the configuration file says."""

from pathlib import Path

import pytest

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.parameter_memory import texts_of
from knxgw.device.tables import error_in, links_of
from tools.knx_tool import contents_of

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
CODES = (Priority.SYSTEM, Priority.NORMAL, Priority.URGENT, Priority.LOW)


def _raw(address: str) -> int:
    main, middle, sub = map(int, address.split("/"))
    return main << 11 | middle << 8 | sub


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda one: one.stem)
def test_tables_have_every_link_with_its_flags_and_parameters_their_texts(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    configuration = parse_configuration(text, catalogue(), name=file.name).configuration
    assert configuration is not None
    contents = contents_of(file)
    assert not any(error_in(index, content) for index, content in contents.items())
    loaded = links_of(contents[1], contents[2], contents[3])
    wanted = configuration.group_objects
    assert loaded.addresses == {
        number: tuple(map(_raw, link.addresses)) for number, link in wanted.items()
    }
    for number, link in wanted.items():
        found = loaded.objects[number]
        for name in ("communication", "read", "write", "transmit", "update", "read_on_init"):
            assert getattr(found, name) == getattr(link.flags, name), (number, name)
        assert CODES[found.priority] is link.priority
    texts = dict(texts_of(contents[4], catalogue()))
    assert texts["charging_points[0].model"] == configuration.points[0].model.id


def test_a_file_that_is_not_right_is_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("charging_points: 5\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="charging_points"):
        contents_of(file)
