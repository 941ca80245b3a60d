"""Reading the product database: what belongs to one file and what spans several."""

import shutil
from pathlib import Path

import pytest

from knxgw.catalogue.device_model import DeviceKind
from knxgw.catalogue.directory import product_db
from knxgw.catalogue.load import FILES, ModelDirectory, catalogue, load_catalogue
from knxgw.errors import ConfigError


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    """Return a copy of the product database with two chargers only."""
    for name in FILES:
        shutil.copy(product_db() / f"{name}.yaml", tmp_path)
    (tmp_path / "chargers").mkdir()
    for name in ("keba_p30.yaml", "alfen_eve.yaml"):
        shutil.copy(product_db() / "chargers" / name, tmp_path / "chargers")
    return tmp_path


def test_all_files_together_have_no_findings_and_say_what_each_says_alone() -> None:
    together = load_catalogue()
    assert together == catalogue()
    assert dict(catalogue().chargers) == together.chargers
    assert dict(catalogue().meters) == together.meters


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_product_that_is_missing_or_empty_is_named(place: Path, name: str) -> None:
    path = place / f"{name}.yaml"
    path.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"{name}.yaml:1: error: the file is empty"):
        load_catalogue(place)
    path.unlink()
    with pytest.raises(ConfigError, match=f"{name}.yaml:1: error: cannot be read"):
        load_catalogue(place)


def test_a_number_for_ets_that_two_files_have_is_refused(place: Path) -> None:
    keba, alfen = (load_catalogue(place).chargers[name] for name in ("keba_p30", "alfen_eve"))
    path = place / "chargers" / "keba_p30.yaml"
    text = path.read_text(encoding="utf-8")
    assert f"ets_id: {keba.ets_id}\n" in text
    path.write_text(text.replace(f"ets_id: {keba.ets_id}\n", f"ets_id: {alfen.ets_id}\n"))
    with pytest.raises(ConfigError) as caught:
        load_catalogue(place)
    (finding,) = caught.value.findings
    assert f"{alfen.ets_id} belongs to alfen_eve" in str(finding)


def test_a_model_that_is_named_otherwise_than_its_file_is_refused(place: Path) -> None:
    folder = place / "chargers"
    (folder / "keba_p30.yaml").rename(folder / "keba_p31.yaml")
    with pytest.raises(ConfigError, match="keba_p30"):
        load_catalogue(place)
    with pytest.raises(ConfigError, match="keba_p30"):
        ModelDirectory(folder, DeviceKind.CHARGER)["keba_p31"]


def test_a_faulty_model_matters_only_to_a_site_that_uses_it(place: Path) -> None:
    (place / "chargers" / "keba_p30.yaml").write_text("id: [", encoding="utf-8")
    models = ModelDirectory(place / "chargers", DeviceKind.CHARGER)
    assert models["alfen_eve"].id == "alfen_eve"
    assert "keba_p30" in models
    assert "keba_p31" not in models
    with pytest.raises(ConfigError, match="not valid YAML"):
        models["keba_p30"]
    with pytest.raises(KeyError):
        models["keba_p31"]
