"""A first configuration after a factory reset takes the place of the file of the host only for good."""

from pathlib import Path
from typing import Any

import pytest

from knxgw.changes import Changes
from knxgw.factory_reset import SET_ASIDE_NAME, SetAside, digest_of
from knxgw.judgement import Prepared
from knxgw.living import open_store
from knxgw.master_file import MasterFile
from knxgw.store.configurations import Origin
from knxgw.website.configuring import Proposal
from knxgw.website.listener import Address, Listener

HOSTS, FIRST = "device: {name: Host}\n", "device: {name: First}\n"


def prepared(text: str, port: int) -> Prepared:
    configured: Any = object() if text else None
    listener = Listener(Address("127.0.0.1", port))
    return Prepared(configuration=configured, link=None, listener=listener, text=text)


@pytest.mark.real
@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_the_file_of_the_host_comes_back_unless_the_first_configuration_is_confirmed(
    tmp_path: Path,
    is_confirmed: bool,  # noqa: FBT001 - a case
) -> None:
    file, state = tmp_path / "site.yaml", tmp_path / "state"
    state.mkdir()
    file.write_text(HOSTS, encoding="utf-8")
    (state / SET_ASIDE_NAME).write_text(digest_of(file), encoding="ascii")
    master = MasterFile(file, state)
    none, first = prepared("", 8080), prepared(FIRST, 8081)
    with open_store(state) as store:
        changes = Changes(master, store, lambda: None)
        proposal = Proposal(text=FIRST)
        changes.write(first, none, proposal)
        assert changes.taken(first, none, proposal).must_be_confirmed
        assert file.read_text("utf-8") == FIRST
        if is_confirmed:
            changes._confirm()
            assert not SetAside(state).holds(file)
            assert not master.take_back_unconfirmed()
            return
        assert MasterFile(file, state).take_back_unconfirmed(), "a kill meanwhile"
        assert file.read_text("utf-8") == HOSTS
        file.write_text(FIRST, encoding="utf-8")
        changes.write(none, first, Proposal(text="", origin=Origin.RETURNED))
        assert file.read_text("utf-8") == HOSTS
        assert SetAside(state).holds(file), "the next start is not configured either"
        changes.end()
