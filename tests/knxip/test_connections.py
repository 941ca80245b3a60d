"""Connections: opened, refused, kept alive and ended by either side, over UDP and TCP."""

import pytest
from xknx.knxip import (
    HPAI,
    ConnectionStateRequest,
    ConnectionStateResponse,
    ConnectRequestInformation,
    DisconnectRequest,
    DisconnectResponse,
    ErrorCode,
)
from xknx.telegram.address import IndividualAddress

from knxgw.knxip.channel import SILENCE_S
from knxgw.knxip.endpoint import MOST_MANAGEMENT
from knxgw.knxip.wire import Place
from tests.knxip.trial import (
    BACK,
    BACK_BY_TCP,
    CLIENT,
    DATA,
    MANAGEMENT,
    OTHER,
    SERVER,
    STREAM,
    TUNNEL,
    Trial,
    cemi,
    connect,
    group_read,
    hpai,
)
from tests.support.knxip_device import TUNNELS

SECOND_STREAM = STREAM._replace(stream=8)


def request(information: str, *, control: HPAI | None = None, data: HPAI | None = None) -> bytes:
    """Return a CONNECT_REQUEST with any information in it."""
    content = (control or hpai(CLIENT)).to_knx() + (data or hpai(DATA)).to_knx()
    content += bytes.fromhex(information)
    return bytes.fromhex("06100205") + (6 + len(content)).to_bytes(2, "big") + content


def wanted(address: str) -> ConnectRequestInformation:
    """Return the wish for a tunnel with that address."""
    return ConnectRequestInformation(individual_address=IndividualAddress(address))


def status(trial: Trial, frame: bytes, source: Place = CLIENT) -> int:
    """Return the status of the answer to a CONNECT_REQUEST, which is all of it when it is refused."""
    (answer,) = trial.say(frame, source)
    assert answer.raw[2:4] == b"\x02\x06"
    if answer.raw[7]:
        assert answer.raw[6] == 0
        assert len(answer.raw) == 8
    return answer.raw[7]


def test_each_tunnel_gets_an_address_of_its_own() -> None:
    trial = Trial()
    answers = [trial.opened() for _ in TUNNELS]
    assert [one.crd.individual_address for one in answers] == list(TUNNELS)
    assert len({one.communication_channel for one in answers}) == len(TUNNELS)
    assert answers[0].data_endpoint == HPAI(SERVER.ip, SERVER.port)
    assert trial.changes == ["Opened 1", "Opened 2"]
    assert status(trial, connect(TUNNEL, CLIENT, DATA)) == 0x24
    assert trial.statistics.connections_refused == 1


def test_a_tunnel_with_a_wanted_address_gets_that_one_or_none() -> None:
    trial = Trial()
    assert trial.opened(wanted("1.1.7")).crd.individual_address == TUNNELS[1]
    assert status(trial, connect(wanted("1.1.7"), CLIENT, DATA)) == 0x2E  # in use
    assert status(trial, connect(wanted("1.1.8"), CLIENT, DATA)) == 0x2D  # none of ours
    assert trial.opened().crd.individual_address == TUNNELS[0]


@pytest.mark.parametrize(
    ("information", "expected"),
    [
        ("04048000", 0x29),  # bus monitor
        ("04040400", 0x29),  # raw
        ("04047700", 0x29),  # nobody knows
        ("060480001106", 0x29),
        ("030402", 0x23),
        ("0204", 0x23),
        ("0504020011", 0x23),
        ("0804020011060000", 0x23),
        ("0403ffff", 0x23),
        ("0206", 0x22),  # remote logging
        ("0207", 0x22),
        ("0208", 0x22),
        ("0299", 0x22),
        ("0200", 0x22),
    ],
)
def test_what_the_server_does_not_have_is_refused_with_the_reason(
    information: str, expected: int
) -> None:
    trial = Trial()
    assert status(trial, request(information)) == expected
    assert not trial.endpoint.channels


def test_a_server_without_tunnels_does_not_know_what_that_is() -> None:
    assert status(Trial(tunnel_addresses=()), request("04040200")) == 0x22


@pytest.mark.parametrize(
    ("control", "data", "source"),
    [
        (BACK_BY_TCP, hpai(DATA), CLIENT),
        (hpai(CLIENT), BACK_BY_TCP, CLIENT),
        (BACK, BACK, STREAM),
    ],
)
def test_endpoints_of_another_protocol_are_refused(
    control: HPAI, data: HPAI, source: Place
) -> None:
    trial = Trial()
    assert status(trial, request("04040200", control=control, data=data), source) == 0x01


def test_endpoints_of_an_unknown_protocol_are_refused() -> None:
    frame = bytearray(request("04040200"))
    frame[7] = 9
    trial = Trial()
    assert status(trial, bytes(frame)) == 0x01
    assert trial.sent[-1].to == CLIENT


def test_device_management_has_few_connections() -> None:
    trial = Trial()
    for _ in range(MOST_MANAGEMENT):
        assert trial.opened(MANAGEMENT).crd.request_type.value == 3
    assert status(trial, connect(MANAGEMENT, CLIENT, DATA)) == 0x24
    assert trial.opened().status_code is ErrorCode.E_NO_ERROR  # a tunnel has a place of its own


def test_a_heartbeat_is_answered_on_the_control_and_the_data_endpoint() -> None:
    trial = Trial()
    trial.opened()
    for source in (CLIENT, DATA, Place(CLIENT.ip, 12345)):
        (answer,) = trial.say(ConnectionStateRequest(1, hpai(source)), source)
        assert answer.to == source
        assert isinstance(answer.body, ConnectionStateResponse)
        assert answer.body.status_code is ErrorCode.E_NO_ERROR


@pytest.mark.parametrize(("number", "source"), [(1, OTHER), (2, CLIENT), (1, STREAM), (0, CLIENT)])
def test_the_connection_of_somebody_else_is_unknown(number: int, source: Place) -> None:
    trial = Trial()
    trial.opened()
    endpoint = BACK_BY_TCP if source.stream else hpai(source)
    (state,) = trial.say(ConnectionStateRequest(number, endpoint), source)
    assert state.body.status_code is ErrorCode.E_CONNECTION_ID
    (end,) = trial.say(DisconnectRequest(number, endpoint), source)
    assert end.body.status_code is ErrorCode.E_CONNECTION_ID
    assert len(trial.endpoint.channels) == 1
    assert trial.statistics.strangers == 2


def test_a_connection_by_tcp_is_bound_to_its_stream() -> None:
    trial = Trial()
    trial.opened(TUNNEL, STREAM, STREAM)
    for stranger, endpoint in ((SECOND_STREAM, BACK_BY_TCP), (CLIENT, hpai(CLIENT))):
        (state,) = trial.say(ConnectionStateRequest(1, endpoint), stranger)
        assert state.body.status_code is ErrorCode.E_CONNECTION_ID
    (state,) = trial.say(ConnectionStateRequest(1, BACK_BY_TCP), STREAM)
    assert state.body.status_code is ErrorCode.E_NO_ERROR


def test_a_tcp_connection_that_closes_ends_its_channels_and_no_others() -> None:
    trial = Trial()
    trial.opened(TUNNEL, STREAM, STREAM)
    trial.opened(TUNNEL, SECOND_STREAM, SECOND_STREAM)
    trial.opened(MANAGEMENT, STREAM, STREAM)
    assert trial.endpoint.streams_in_use == {7, 8}
    assert trial.take(trial.endpoint.lose_stream(7)) == []  # nobody hears it any more
    assert trial.changes[-2:] == ["Closed 1", "Closed 3"]
    assert [one.number for one in trial.endpoint.channels] == [2]


def test_a_client_ends_its_connection() -> None:
    trial = Trial()
    trial.opened()
    (answer,) = trial.say(DisconnectRequest(1, hpai(CLIENT)))
    assert isinstance(answer.body, DisconnectResponse)
    assert answer.body.status_code is ErrorCode.E_NO_ERROR
    assert trial.changes == ["Opened 1", "Closed 1"]
    assert trial.opened().crd.individual_address == TUNNELS[0]  # the slot is free


def test_the_number_of_an_ended_connection_rests_as_long_as_it_can() -> None:
    trial = Trial()
    numbers = []
    for _ in range(300):
        numbers.append(trial.opened().communication_channel)
        trial.say(DisconnectRequest(numbers[-1], hpai(CLIENT)))
    assert numbers[:255] == list(range(1, 256))
    assert numbers[255:257] == [1, 2]


def test_the_server_ends_all_connections_and_says_so() -> None:
    trial = Trial()
    trial.opened()
    trial.opened(MANAGEMENT, STREAM, STREAM)
    first, second = trial.take(trial.endpoint.end())
    assert (first.to, second.to) == (CLIENT, STREAM)
    assert isinstance(first.body, DisconnectRequest)
    assert first.body.control_endpoint == HPAI(SERVER.ip, SERVER.port)
    assert second.body.control_endpoint == BACK_BY_TCP
    assert trial.changes[-2:] == ["Closed 1", "Closed 2"]
    assert trial.say(DisconnectResponse(1)) == []  # it makes no difference


def test_a_silent_client_loses_its_slot_after_120_s() -> None:
    trial = Trial(tunnel_addresses=TUNNELS[:1])
    trial.opened()
    assert trial.wait(119) == []
    trial.say(ConnectionStateRequest(1, hpai(CLIENT)))
    assert trial.wait(119.999) == []
    assert status(trial, connect(TUNNEL, OTHER, OTHER), OTHER) == 0x24
    (farewell,) = trial.wait(0.001)
    assert isinstance(farewell.body, DisconnectRequest)
    assert farewell.to == CLIENT
    assert trial.statistics.heartbeats_missed == 1
    assert trial.opened(TUNNEL, OTHER, OTHER).status_code is ErrorCode.E_NO_ERROR


def test_a_client_that_sends_telegrams_is_not_silent() -> None:
    trial = Trial()
    client = trial.tunnel()
    for _ in range(4):
        trial.wait(SILENCE_S - 1)
        client.request(cemi(group_read()))
    assert len(trial.endpoint.channels) == 1


def test_a_client_that_acknowledges_is_not_silent() -> None:
    trial = Trial()
    client = trial.tunnel()
    for counter in range(4):
        trial.wait(SILENCE_S - 1)
        client.hear(group_read())
        client.acknowledge(counter)
    assert len(trial.endpoint.channels) == 1


def test_a_stranger_keeps_no_connection_alive() -> None:
    trial = Trial()
    trial.opened()
    trial.wait(SILENCE_S - 1)
    trial.say(ConnectionStateRequest(1, hpai(OTHER)), OTHER)
    trial.wait(2)
    assert not trial.endpoint.channels


def test_behind_nat_all_goes_back_to_where_it_came_from() -> None:
    trial = Trial()
    (answer,) = trial.say(request("04040200", control=BACK, data=BACK), CLIENT)
    assert answer.to == CLIENT
    channel = trial.channel()
    assert (channel.control, channel.data) == (CLIENT, CLIENT)
