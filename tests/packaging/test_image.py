"""The Dockerfile and the compose file, without an engine; `make image-check` builds and starts the image."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from knxgw.cli import DEFAULT_CONFIG, DEFAULT_STATE
from knxgw.host.memory import SERVICE_ENVIRONMENT
from tests.support.pages import ROOT
from tools.packages.dockerfile import mistakes, stages

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "packaging" / "compose.yaml").read_text(encoding="utf-8")


def service() -> dict[str, object]:
    """Return the one service of the compose file."""
    (one,) = yaml.safe_load(COMPOSE)["services"].values()
    assert isinstance(one, dict)
    return one


def test_the_dockerfile_has_no_mistake_that_shows_without_an_engine() -> None:
    assert list(mistakes(TEXT, ROOT)) == []


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("COPY knxgw ./knxgw", "COPY knxgateway ./knxgw", "COPY knxgateway: there is no such file"),
        ("COPY knxgw ./knxgw", "COPY tests ./knxgw", "COPY tests: .dockerignore leaves it out"),
        ("--from=build", "--from=make", "COPY --from=make: no stage before has this name"),
        ("\nUSER knxgw", "", "USER: the program would run as root"),
        ('ENTRYPOINT ["knxgw"]', "ENTRYPOINT knxgw", "Expecting value: line 1 column 1 (char 0)"),
        ("\nVOLUME /var/lib/knxgw", "", "VOLUME: the state has to survive the container"),
    ],
)
def test_a_mistake_of_a_dockerfile_is_found(right: str, wrong: str, found: str) -> None:
    assert right in TEXT
    (said,) = mistakes(TEXT.replace(right, wrong), ROOT)
    assert said.startswith(found)


def test_a_file_of_the_image_that_is_missing_is_found(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    missing = {one.split(":")[0] for one in mistakes(TEXT, tmp_path)}
    names = ("constraints.txt", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
    assert missing == {f"COPY {name}" for name in (*names, "knxgw", "product_db")}


def test_the_image_runs_as_the_program_expects() -> None:
    last = stages(TEXT)[-1]
    environment = last.environment()
    assert last.last("VOLUME") == str(DEFAULT_STATE)
    assert [*last.command("ENTRYPOINT"), *last.command("CMD")] == ["knxgw", "run"]
    assert environment.items() >= SERVICE_ENVIRONMENT.items()
    assert environment["KNXGW_SUPERVISED"] == "1"
    assert last.last("STOPSIGNAL") == "SIGTERM"
    port = last.last("EXPOSE")
    assert environment["KNXGW_HEALTH"] == f"http://127.0.0.1:{port}/health"
    assert "KNXGW_HEALTH" in last.command("HEALTHCHECK")[-1]


def test_compose_gives_the_container_the_network_of_the_host_and_little_else() -> None:
    one = service()
    assert one["network_mode"] == "host"
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["restart"] == "unless-stopped"  # status 75 asks for it
    assert one["volumes"] == [f"state:{DEFAULT_STATE}"]
    assert f"{DEFAULT_CONFIG.parent}:ro" in COMPOSE


def test_what_is_written_by_hand_restricts_a_container_as_compose_does() -> None:
    words = "--network host --restart unless-stopped --read-only --tmpfs /tmp --cap-drop ALL"
    words += " --security-opt no-new-privileges -v knxgw-state:/var/lib/knxgw knxgw"
    for path in (ROOT / "Dockerfile", ROOT / "docs" / "install.md"):
        text = re.sub(r"\\\n#?\s*", "", path.read_text(encoding="utf-8"))
        assert words in re.sub(r"\s+", " ", text), path.name
