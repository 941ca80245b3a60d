"""Who looks for the device: searches, extended searches, requests for a description."""

import pytest
from xknx.knxip import (
    HPAI,
    SRP,
    DescriptionRequest,
    DescriptionResponse,
    DIBServiceFamily,
    DIBTypeCode,
    HostProtocol,
    SearchRequest,
    SearchRequestExtended,
    SearchResponse,
    SearchResponseExtended,
)
from xknx.knxip.dib import DIBSuppSVCFamilies, DIBTunnelingInfo
from xknx.knxip.knxip_enum import SearchRequestParameterType

from knxgw.knxip.discovery import MOST_AT_ONCE, ONE_MORE_S
from knxgw.knxip.wire import Place
from tests.knxip.trial import BACK_BY_TCP, CLIENT, OTHER, SERVER, STREAM, Sent, Trial, hpai, raw
from tests.support.knxip_device import MAC, TUNNELS

ETS_ASKS = bytes.fromhex("080401080206" + "0700")  # as ETS 6 does


def extended(*parameters: SRP | bytes, endpoint: HPAI | None = None) -> bytes:
    """Return a SEARCH_REQUEST_EXTENDED with parameters, good or bad."""
    start = raw(SearchRequestExtended(endpoint or hpai(CLIENT)))
    frame = bytearray(start + b"".join(bytes(one) for one in parameters))
    frame[4:6] = len(frame).to_bytes(2, "big")
    return bytes(frame)


def dib_codes(sent: list[Sent]) -> list[int]:
    """Return the type codes of the blocks in one answer."""
    (one,) = sent
    rest = one.raw[6:] if one.raw[2:4] == b"\x02\x04" else one.raw[14:]
    codes = []
    while rest:
        codes.append(rest[1])
        rest = rest[rest[0] :]
    return codes


@pytest.mark.parametrize("by_multicast", [True, False])
def test_a_search_is_answered_where_it_wants(*, by_multicast: bool) -> None:
    trial = Trial()
    (answer,) = trial.say(SearchRequest(hpai(CLIENT)), CLIENT, by_multicast=by_multicast)
    assert answer.to == CLIENT
    assert isinstance(answer.body, SearchResponse)
    assert answer.body.control_endpoint == HPAI(SERVER.ip, SERVER.port)
    assert dib_codes([answer]) == [1, 2]


@pytest.mark.parametrize(
    ("named", "source", "to"),
    [
        (HPAI("192.168.0.10", 50_001), CLIENT, Place("192.168.0.10", 50_001)),
        (HPAI("0.0.0.0", 0), CLIENT, CLIENT),  # noqa: S104 - behind NAT
        (HPAI("192.168.0.10", 0), CLIENT, CLIENT),
        (HPAI("0.0.0.0", 3671), CLIENT, CLIENT),  # noqa: S104
        (HPAI("10.0.0.1", 3671), CLIENT, CLIENT),  # another host would be flooded with it
        (BACK_BY_TCP, STREAM, STREAM),
    ],
)
def test_an_answer_goes_to_nobody_but_who_has_asked(named: HPAI, source: Place, to: Place) -> None:
    for question in (
        raw(SearchRequest(named)),
        extended(endpoint=named),
        raw(DescriptionRequest(named)),
    ):
        (answer,) = Trial().say(question, source)
        assert answer.to == to


def test_over_tcp_the_endpoint_is_the_way_back() -> None:
    (answer,) = Trial().say(SearchRequest(BACK_BY_TCP), STREAM)
    assert answer.body.control_endpoint == BACK_BY_TCP


@pytest.mark.parametrize(
    ("protocol", "source"), [(HostProtocol.IPV4_TCP, CLIENT), (HostProtocol.IPV4_UDP, STREAM)]
)
def test_a_search_with_an_endpoint_of_another_protocol_is_dropped(
    protocol: HostProtocol, source: Place
) -> None:
    trial = Trial()
    assert trial.say(SearchRequest(HPAI(CLIENT.ip, 1, protocol)), source) == []
    assert trial.statistics.malformed == 1


def test_our_own_frames_come_back_by_multicast_and_are_ignored() -> None:
    trial = Trial()
    assert trial.say(SearchRequest(hpai(SERVER)), SERVER, by_multicast=True) == []
    assert trial.say(SearchRequest(hpai(SERVER)), Place(SERVER.ip, 3700)) != []  # another program


def test_by_multicast_only_searches_are_answered() -> None:
    trial = Trial()
    assert trial.say(DescriptionRequest(hpai(CLIENT)), by_multicast=True) == []
    assert trial.say(extended(), by_multicast=True) != []


def test_a_description_names_ip_settings_and_addresses() -> None:
    (answer,) = Trial().say(DescriptionRequest(hpai(CLIENT)))
    assert isinstance(answer.body, DescriptionResponse)
    assert dib_codes([answer]) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("tunnels", "group", "families"),
    [
        (TUNNELS, "224.0.23.12", {2: 2, 3: 2, 4: 2, 5: 1}),
        ((), "224.0.23.12", {2: 2, 3: 2, 5: 1}),
        (TUNNELS, None, {2: 2, 3: 2, 4: 2}),
        ((), None, {2: 2, 3: 2}),
    ],
)
def test_only_what_works_is_advertised(
    tunnels: tuple[object, ...], group: str | None, families: dict[int, int]
) -> None:
    trial = Trial(tunnel_addresses=tunnels, routing_group=group)
    for question in (SearchRequest(hpai(CLIENT)), DescriptionRequest(hpai(CLIENT))):
        (answer,) = trial.say(question)
        (block,) = (one for one in answer.body.dibs if isinstance(one, DIBSuppSVCFamilies))
        assert {one.name.value: one.version for one in block.families} == families
    wanted = extended(SRP.request_device_description([DIBTypeCode.TUNNELING_INFO]))
    assert dib_codes(trial.say(wanted)) == ([7] if tunnels else [])


def test_without_a_wish_an_extended_search_gets_three_blocks() -> None:
    (answer,) = Trial().say(extended())
    assert isinstance(answer.body, SearchResponseExtended)
    assert dib_codes([answer]) == [1, 8, 2]


def test_an_extended_search_gets_the_blocks_it_wants_and_we_have() -> None:
    assert dib_codes(Trial().say(extended(ETS_ASKS))) == [1, 8, 2, 7]
    twice = SRP.request_device_description([DIBTypeCode.IP_CONFIG, DIBTypeCode.IP_CONFIG])
    assert dib_codes(Trial().say(extended(twice))) == [3]
    assert dib_codes(Trial().say(extended(bytes.fromhex("0404fe7b")))) == []  # nothing of it


def is_found(trial: Trial, *parameters: SRP | bytes) -> bool:
    """Return whether an extended search is answered."""
    return bool(trial.say(extended(*parameters)))


def test_only_a_device_in_programming_mode_answers_who_looks_for_one() -> None:
    trial = Trial()
    assert not is_found(trial, SRP.with_programming_mode())
    trial.describe(is_in_programming_mode=True)
    assert is_found(trial, SRP.with_programming_mode())
    assert not is_found(trial, bytes.fromhex("04810000"))  # has data that nobody knows


def test_only_the_device_with_the_mac_address_answers() -> None:
    assert is_found(Trial(), SRP.with_mac_address(MAC))
    assert not is_found(Trial(), SRP.with_mac_address(bytes(6)))
    assert not is_found(Trial(), b"\x04\x82" + MAC[:2])


@pytest.mark.parametrize(
    ("family", "version", "found"),
    [(2, 2, True), (2, 3, False), (4, 1, True), (5, 1, True), (5, 2, False), (8, 0, False)],
)
def test_only_a_device_with_the_service_answers(family: int, version: int, *, found: bool) -> None:
    service = SRP.with_service(DIBServiceFamily(family), version)
    assert is_found(Trial(), service) == found


def test_what_is_not_mandatory_does_not_select() -> None:
    optional: list[SRP | bytes] = [
        SRP(SearchRequestParameterType.SELECT_BY_PROGRAMMING_MODE, mandatory=False),
        SRP(SearchRequestParameterType.SELECT_BY_MAC_ADDRESS, mandatory=False, data=bytes(6)),
        bytes.fromhex("027b"),  # nobody knows what that is
        bytes.fromhex("0403ff09"),
    ]
    assert is_found(Trial(), *optional)
    for one in optional:
        mandatory = bytearray(bytes(one))
        mandatory[1] |= 0x80
        assert not is_found(Trial(), *optional, bytes(mandatory))


@pytest.mark.parametrize("bad", ["00", "0001", "01", "0801", "0881"])
def test_an_extended_search_that_cannot_be_read_is_counted(bad: str) -> None:
    trial = Trial()
    assert trial.say(extended(bytes.fromhex(bad))) == []
    assert trial.statistics.malformed == 1


def test_tunnels_in_use_are_shown_as_such() -> None:
    trial = Trial()
    trial.tunnel()
    (answer,) = trial.say(extended(ETS_ASKS))
    (block,) = (one for one in answer.body.dibs if isinstance(one, DIBTunnelingInfo))
    assert [one.free for one in block.slots.values()] == [False, True]
    assert all(one.usable and one.authorized for one in block.slots.values())


def test_a_description_is_always_the_present_one() -> None:
    trial = Trial()
    trial.describe(name="Übergröße ☃ in the garage of the house", is_bus_connected=False)
    (answer,) = trial.say(SearchRequest(hpai(CLIENT)))
    assert answer.body.dibs[0].name == "Übergröße ? in the garage of t"
    (answer,) = trial.say(extended())
    assert bytes.fromhex("0808010000fe57b0") in answer.raw  # no communication with the bus


def test_no_more_searches_are_answered_than_a_network_bears() -> None:
    trial = Trial()
    search = raw(SearchRequest(hpai(CLIENT)))
    answered = sum(bool(trial.say(search, OTHER._replace(port=port))) for port in range(1, 1001))
    assert answered == MOST_AT_ONCE
    assert trial.statistics.searches_answered == MOST_AT_ONCE
    assert trial.statistics.searches_not_answered == 1000 - MOST_AT_ONCE
    trial.now_s += 10 * ONE_MORE_S
    assert sum(bool(trial.say(search)) for _ in range(50)) == 10
    by_tcp = raw(SearchRequest(BACK_BY_TCP))
    assert trial.say(by_tcp, STREAM)  # who is slowed down by himself
