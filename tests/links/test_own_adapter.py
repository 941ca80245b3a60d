"""A routing link hears its own network adapter: a demo beside a gateway in operation is not its bus."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.netns import Lab, Namespace, wait_for_line
from tests.support.peers import require_peers
from tests.support.talking import TalkingProcess

pytestmark = [pytest.mark.real, pytest.mark.peers]
LINK = (sys.executable, "-m", "tests.support.link_alone")
ROUTING_TOOL = (sys.executable, "-m", "tests.support.routing_tool")


@contextmanager
def reader(host: Namespace, local_ip: str) -> Iterator[TalkingProcess]:
    """Run a reader of groups by routing on one adapter of a host."""
    tool = TalkingProcess(host, [*ROUTING_TOOL, "--local-ip", local_ip])
    try:
        tool.line_with("ready")
        yield tool
    finally:
        tool.kill()


def answer(tool: TalkingProcess) -> str:
    """Return what a read of the link's object gives."""
    tool.tell("read 1/1/50")
    return tool.line_with("answer: ")


@pytest.mark.long
@pytest.mark.proves("H.94")
def test_what_is_sent_on_the_loopback_interface_does_not_reach_a_link_on_the_network(
    tmp_path: Path,
) -> None:
    require_peers()
    with Lab() as lab:
        log, host = tmp_path / "link.log", lab.gateway
        command = (*LINK, "--link", "routing", "--local-ip", lab.address(host))
        host.popen(*command, stdout=log, env={"PYTHONUNBUFFERED": "1"})
        wait_for_line(log, "sent 1/0/10", 10.0)
        with reader(host, "127.0.0.1") as beside:
            assert answer(beside) == "answer: None"
        with reader(lab.client, lab.address(lab.client)) as outside:
            assert answer(outside) == "answer: 05"
