"""What has an effect only under a condition: data of `parameters.yaml`, and what is refused there."""

import shutil
from pathlib import Path

import pytest

from knxgw.catalogue.directory import product_db
from knxgw.catalogue.load import FILES, catalogue, load_catalogue
from knxgw.errors import ConfigError

GOOD = "- {of: [knx.gateway], keys: [knx.link], is: [tunnelling], en: a, de: b}"


def read(folder: Path, need: str) -> None:
    """Read a catalogue that has one more condition."""
    for name in FILES:
        shutil.copy(product_db() / f"{name}.yaml", folder)
    with (folder / "parameters.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  {need}\n")
    load_catalogue(folder)


def test_a_condition_more_is_read(tmp_path: Path) -> None:
    read(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("knx.gateway", "knx.gate"), "knx.gate"),
        (("knx.link", "knx.lnk"), "knx.lnk"),
        (("tunnelling", "tunnel"), "does not fit its keys"),
        (("is: [tunnelling]", "supplies: temperature"), "does not fit its keys"),
        (("knx.link], is: [tunnelling]", "panel], given: true"), "does not fit its keys"),
        (("is: [tunnelling], ", ""), "expected one condition"),
        (("en: a", "given: true, en: a"), "expected one condition"),
        ((", de: b", ""), "de"),
        (("knx.gateway", "knx"), "decides about its own effect"),
        (("is:", "if:"), "unknown key"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        read(tmp_path, GOOD.replace(*change))


def test_reasons_fit_into_their_sentences() -> None:
    for need in catalogue().needs:
        for reason in (need.reason.en, need.reason.de):
            assert not reason.endswith(".")
            assert len(reason) <= 60
        assert need.reason.en[0].islower()


def test_a_model_can_deliver_what_is_asked_of_it() -> None:
    known = {point for model in catalogue().chargers.values() for point in model.capabilities}
    assert {need.supplies for need in catalogue().needs if need.supplies} <= known
