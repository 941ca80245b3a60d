"""Which changes of the configuration somebody must confirm, because they may cut off a browser, or KNX."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.changes import may_cut_off
from knxgw.config.effects import Effect, EffectKind, effects_of
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.judgement import Prepared, judge_unconfigured_again
from knxgw.website.listener import Address, Listener
from tests.support.processes import GOOD, free_port

LISTENER = Listener(Address("127.0.0.1", 8080))


def configuration(**website: Any) -> Configuration:
    loaded = parse_configuration(GOOD.format(web=8080, port=502), catalogue(), is_offline=True)
    found = loaded.configuration
    assert found is not None
    return replace(found, website=replace(found.website, **website))


def prepared(**given: Any) -> Prepared:
    fields: dict[str, Any] = {
        "configuration": configuration(),
        "link": None,
        "listener": LISTENER,
        "link_origin": "routing",
    }
    return Prepared(**fields | given)


@pytest.mark.proves("W45")
@pytest.mark.parametrize(
    "after",
    [
        {"listener": Listener(Address("127.0.0.1", 8081))},
        {"certificate": object()},
        {"link_origin": "tunnel"},
        {"configuration": configuration(host_names=("house.example",))},
        {"configuration": configuration(host_names=())},
        {"configuration": configuration(trusted_proxy="127.0.0.1")},
    ],
    ids=["website moves", "encryption", "KNX link", "one name less", "no name", "proxy"],
)
def test_it_must_be_confirmed(after: dict[str, Any]) -> None:
    names = configuration(host_names=("garage.example", "house.example"))
    assert may_cut_off(prepared(**{"configuration": names, **after}), prepared(configuration=names))


@pytest.mark.parametrize(
    "after",
    [
        {},
        {"configuration": configuration(host_names=("garage.example",))},
        {"configuration": replace(configuration(), points=())},
    ],
    ids=["nothing", "one name more", "no charging point"],
)
def test_it_needs_no_confirmation(after: dict[str, Any]) -> None:
    assert not may_cut_off(prepared(**after), prepared())


def test_the_first_configuration_must_be_confirmed_only_where_the_website_moves() -> None:
    before = prepared(configuration=None, link_origin=None)
    assert not may_cut_off(prepared(), before)
    assert may_cut_off(prepared(listener=Listener(Address("0.0.0.0", 8080))), before)  # noqa: S104


@pytest.mark.real
def test_the_way_back_is_open_though_the_website_itself_has_the_port(tmp_path: Path) -> None:
    listener = Listener(Address("127.0.0.1", free_port()))
    listener.open()
    try:
        before = Address("localhost", listener.address.port)
        judgement = judge_unconfigured_again(prepared(listener=listener), tmp_path, before)
        assert judgement.prepared is not None, [str(one) for one in judgement.findings]
        assert judgement.prepared.configuration is None
        assert judgement.prepared.listener.address == before
        assert not judgement.prepared.listener.is_open, "it is opened once the other one is closed"
    finally:
        listener.close()


@pytest.mark.proves("W45")
def test_the_check_says_that_the_first_configuration_moves_the_website() -> None:
    moves = Effect(EffectKind.WEBSITE_MOVES, address="127.0.0.1:8080")
    assert moves in effects_of(None, configuration(), Address("0.0.0.0", 8080))  # noqa: S104
    assert moves not in effects_of(None, configuration(), Address("127.0.0.1", 8080))


def test_the_check_says_that_the_website_is_reached_otherwise() -> None:
    before = configuration(host_names=("garage.example",))
    kinds = {one.kind for one in effects_of(before, configuration())}
    assert EffectKind.WEBSITE_REACHED_OTHERWISE in kinds
    assert EffectKind.WEBSITE_MOVES not in kinds
    assert EffectKind.DEVICE not in kinds
