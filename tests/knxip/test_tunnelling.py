"""What passes through a tunnel, and what is acknowledged, repeated, lost and refused on the way."""

import pytest
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.knxip import DisconnectRequest, ErrorCode, TunnellingAck, TunnellingRequest
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueRead, IndividualAddressRead
from xknx.telegram.tpci import TDataBroadcast

from knxgw.knx.frames import Outcome
from knxgw.knx.raw_service import apdu_of
from knxgw.knxip.channel import MOST_QUEUED, MOST_UNDER_WAY
from knxgw.knxip.wire import Place
from tests.knxip.trial import (
    CLIENT,
    DATA,
    MANAGEMENT,
    OTHER,
    STREAM,
    Client,
    Sent,
    Trial,
    cemi,
    group_read,
    raw,
    telegram,
)
from tests.support.knxip_device import OWN, TUNNELS

READ = cemi(group_read())
UNKNOWN_APDU = bytes.fromhex("1100bce000000a030202cd00")  # no service has the number 2CD
MANY = 5_000


def acks(sent: list[Sent]) -> list[tuple[int, ErrorCode]]:
    """Return the acknowledgements: counter and status."""
    bodies = [one.body for one in sent]
    return [
        (one.sequence_counter, one.status_code) for one in bodies if isinstance(one, TunnellingAck)
    ]


def messages(sent: list[Sent]) -> list[CEMIFrame]:
    """Return what the server says through the tunnel."""
    bodies = [one.body for one in sent]
    return [
        CEMIFrame.from_knx(one.raw_cemi) for one in bodies if isinstance(one, TunnellingRequest)
    ]


def outcome(trial: Trial, what: Outcome = Outcome.CONFIRMED) -> list[Sent]:
    """Let the last frame have an outcome."""
    one = trial.transmitted[-1]
    return trial.take(trial.endpoint.transmitted(one.channel, one.cemi, what, trial.now_s))


def test_a_request_is_acknowledged_and_goes_onto_the_line_as_the_tunnel() -> None:
    trial = Trial()
    client = trial.tunnel()
    sent = client.request(READ)
    assert acks(sent) == [(0, ErrorCode.E_NO_ERROR)]
    assert sent[0].to == DATA
    (one,) = trial.transmitted
    assert one.data.src_addr == TUNNELS[0]
    assert one.data.dst_addr == GroupAddress("1/2/3")
    assert trial.statistics.frames_from_tunnels == 1


@pytest.mark.parametrize("source", ["0.0.0", "1.1.5", "1.1.7", "15.15.255"])
def test_a_tunnel_sends_only_as_itself(source: str) -> None:
    trial = Trial()
    trial.tunnel().request(cemi(group_read(source=source)))
    assert trial.transmitted[0].data.src_addr == TUNNELS[0]
    (confirmation,) = messages(outcome(trial))
    assert isinstance(confirmation.data, CEMILData)
    assert confirmation.data.src_addr == TUNNELS[0]


@pytest.mark.parametrize("destination", [GroupAddress("1/2/3"), OWN, IndividualAddress("1.1.99")])
@pytest.mark.parametrize("what", Outcome)
def test_a_confirmation_says_what_became_of_the_frame(
    destination: GroupAddress | IndividualAddress, what: Outcome
) -> None:
    trial = Trial()
    trial.tunnel().request(cemi(telegram(destination, GroupValueRead())))
    (confirmation,) = messages(outcome(trial, what))
    assert confirmation.code is CEMIMessageCode.L_DATA_CON
    assert isinstance(confirmation.data, CEMILData)
    assert confirmation.data.flags.confirm_error == (what is not Outcome.CONFIRMED)
    assert confirmation.data.dst_addr == destination


def test_an_error_that_the_client_itself_has_set_is_not_confirmed() -> None:
    trial = Trial()
    trial.tunnel().request(bytes.fromhex("1100bde000000a03010000"))
    assert not trial.transmitted[0].data.flags.confirm_error
    (confirmation,) = messages(outcome(trial))
    assert isinstance(confirmation.data, CEMILData)
    assert not confirmation.data.flags.confirm_error


def test_control_fields_and_additional_information_stay_as_they_are() -> None:
    trial = Trial()
    urgent = bytes.fromhex("11 04 0102abcd b8 d0 0000 0a03 01 0000".replace(" ", ""))
    trial.tunnel().request(urgent)
    (one,) = trial.transmitted
    assert one.data.flags.priority.value == 0b10
    assert one.data.flags.hop_count == 5
    (sent,) = outcome(trial)
    assert sent.body.raw_cemi.hex() == "2e040102abcdb8d011060a03010000"


def test_a_repeated_request_is_acknowledged_again_and_not_obeyed() -> None:
    trial = Trial()
    client = trial.tunnel()
    client.request(READ)
    client.counter = 0
    assert acks(client.request(READ)) == [(0, ErrorCode.E_NO_ERROR)]
    assert len(trial.transmitted) == 1
    assert trial.statistics.repeated == 1


def test_a_repeated_request_is_known_where_the_counter_goes_round() -> None:
    trial = Trial()
    client = trial.tunnel()
    for _ in range(256):
        client.request(READ)
        outcome(trial)
    client.counter = 255
    assert acks(client.request(READ)) == [(255, ErrorCode.E_NO_ERROR)]
    assert len(trial.transmitted) == 256


@pytest.mark.parametrize("counter", [2, 100, 254])
def test_a_request_out_of_order_is_ignored(counter: int) -> None:
    trial = Trial()
    client = trial.tunnel()
    client.request(READ)
    client.counter = counter
    assert client.request(READ) == []
    assert len(trial.transmitted) == 1
    assert trial.statistics.out_of_order == 1
    client.counter = 1
    assert acks(client.request(READ)) == [(1, ErrorCode.E_NO_ERROR)]


def test_counters_go_round() -> None:
    trial = Trial()
    client = trial.tunnel()
    for number in range(600):
        assert acks(client.request(READ)) == [(number % 256, ErrorCode.E_NO_ERROR)]
        (confirmation,) = outcome(trial)
        assert confirmation.body.sequence_counter == number % 256
        client.acknowledge(number % 256)
    assert len(trial.transmitted) == 600


def test_over_tcp_nothing_is_acknowledged_and_no_counter_looked_at() -> None:
    trial = Trial()
    client = trial.tunnel(STREAM)
    for counter in (0, 0, 77):
        client.counter = counter
        assert client.request(READ) == []
    assert len(trial.transmitted) == 3
    sent = client.hear(group_read()) + client.hear(group_read())
    assert [one.body.sequence_counter for one in sent] == [0, 1]
    assert trial.wait(10) == []
    assert len(trial.endpoint.channels) == 1


@pytest.mark.parametrize("place", [OTHER, STREAM])
def test_a_stranger_sends_nothing_through_a_tunnel(place: Place) -> None:
    trial = Trial()
    client = trial.tunnel()
    client.place = place
    assert client.request(READ) == []
    assert trial.transmitted == []
    client.hear(group_read())
    assert client.acknowledge(0) == []
    assert trial.statistics.strangers == 2


def test_a_frame_that_is_not_acknowledged_is_repeated_once_and_then_the_tunnel_ends() -> None:
    trial = Trial()
    client = trial.tunnel()
    (first,) = client.hear(group_read())
    assert trial.wait(0.999) == []
    assert trial.wait(0.001) == [first]
    assert trial.wait(0.999) == []
    (farewell,) = trial.wait(0.001)
    assert isinstance(farewell.body, DisconnectRequest)
    assert farewell.to == CLIENT
    assert trial.changes == ["Opened 1", "Closed 1"]
    assert trial.statistics.acknowledgements_missed == 1


def test_an_acknowledgement_after_the_repetition_is_enough() -> None:
    trial = Trial()
    client = trial.tunnel()
    client.hear(group_read())
    trial.wait(1.5)
    assert client.acknowledge(0) == []
    assert trial.wait(10) == []
    assert len(trial.endpoint.channels) == 1


def test_an_acknowledgement_of_an_error_has_the_frame_repeated_at_once() -> None:
    trial = Trial()
    client = trial.tunnel()
    (first,) = client.hear(group_read())
    bad = TunnellingAck(1, 0, ErrorCode.E_DATA_CONNECTION)
    assert trial.say(bad, DATA) == [first]
    (farewell,) = trial.say(bad, DATA)
    assert isinstance(farewell.body, DisconnectRequest)


@pytest.mark.parametrize("counter", [1, 255])
def test_the_acknowledgement_of_another_frame_is_none(counter: int) -> None:
    trial = Trial()
    client = trial.tunnel()
    (first,) = client.hear(group_read())
    client.acknowledge(counter)
    assert trial.wait(1) == [first]


def test_one_frame_after_the_other_goes_to_a_client_by_udp() -> None:
    trial = Trial()
    client = trial.tunnel()
    addresses = [f"1/2/{number}" for number in range(1, 6)]
    sent = [one for address in addresses for one in client.hear(group_read(address))]
    assert len(sent) == 1
    for counter in range(5):
        sent += client.acknowledge(counter)
    heard = [one.data.dst_addr for one in messages(sent) if isinstance(one.data, CEMILData)]
    assert heard == [GroupAddress(address) for address in addresses]


def test_a_tunnel_hears_groups_broadcasts_and_what_is_sent_to_it() -> None:
    trial = Trial()
    client = trial.tunnel(STREAM)
    broadcast = CEMILData(
        src_addr=OWN,
        dst_addr=GroupAddress(0),
        tpci=TDataBroadcast(),
        payload=IndividualAddressRead(),
    )
    heard = [group_read(), broadcast, telegram(TUNNELS[0], GroupValueRead())]
    for data in heard:
        (one,) = messages(client.hear(data))
        assert one.code is CEMIMessageCode.L_DATA_IND
        assert one.data == data
    for address in (TUNNELS[1], OWN, IndividualAddress("1.1.99")):
        assert client.hear(telegram(address, GroupValueRead())) == []
    assert trial.statistics.frames_to_tunnels == 3


@pytest.mark.parametrize("source", [DATA, STREAM])
def test_for_a_slow_client_so_many_wait_and_the_newest_are_lost(source: Place) -> None:
    trial = Trial()
    client = trial.tunnel(source)
    if source.stream is not None:
        trial.endpoint.hold(source.stream)
    sent = [one for number in range(MANY) for one in client.hear(numbered(number))]
    kept = MOST_QUEUED + len(sent)
    assert trial.statistics.lost_to_tunnels == MANY - kept
    for counter in range(kept):
        sent += client.acknowledge(counter % 256) if source.stream is None else ()
    if source.stream is not None:
        sent += trial.take(trial.endpoint.release(source.stream, trial.now_s))
    heard = [one.data.dst_addr for one in messages(sent) if isinstance(one.data, CEMILData)]
    assert heard == [GroupAddress(number + 1) for number in range(kept)]  # the first ones, in order


def test_a_tunnel_that_is_opened_by_a_slow_client_waits_too() -> None:
    trial = Trial()
    trial.endpoint.hold(7)
    client = trial.tunnel(STREAM)
    assert client.hear(group_read()) == []
    assert len(trial.take(trial.endpoint.release(7, trial.now_s))) == 1
    assert len(client.hear(group_read())) == 1


def numbered(number: int) -> CEMILData:
    """Return a telegram of many."""
    data = group_read()
    data.dst_addr = GroupAddress(number + 1)
    return data


def test_a_client_has_only_so_many_requests_under_way() -> None:
    trial = Trial()
    client = trial.tunnel()
    for _ in range(MOST_UNDER_WAY):
        assert acks(client.request(READ))
    assert client.request(READ) == []  # not acknowledged: it comes again
    assert trial.statistics.not_taken == 1
    outcome(trial)
    client.counter -= 1
    assert acks(client.request(READ)) == [(MOST_UNDER_WAY, ErrorCode.E_NO_ERROR)]


def test_by_tcp_a_request_too_many_is_confirmed_as_not_sent() -> None:
    trial = Trial()
    client = trial.tunnel(STREAM)
    for _ in range(MOST_UNDER_WAY):
        assert client.request(READ) == []
    (refused,) = messages(client.request(READ))
    assert isinstance(refused.data, CEMILData)
    assert refused.data.flags.confirm_error
    assert len(trial.transmitted) == MOST_UNDER_WAY


def test_who_never_reads_what_he_asks_for_is_not_waited_for_without_end() -> None:
    trial = Trial()
    client = trial.tunnel(STREAM)
    trial.endpoint.hold(7)
    for _ in range(MANY):
        client.request(READ)
        if trial.channel().under_way:
            outcome(trial)
    assert trial.channel().sender.waiting <= MOST_QUEUED + 2 * MOST_UNDER_WAY
    assert trial.statistics.not_taken > 0
    assert trial.statistics.answers_lost > 0


@pytest.mark.parametrize(
    ("message", "count"),
    [
        ("2900bce011050a03010000", "other_messages"),  # L_Data.ind
        ("2e00bce011050a03010000", "other_messages"),
        ("fc000b0134100100"[:14], "other_messages"),  # M_PropRead.req
        ("f1", "other_messages"),  # M_Reset.req
        ("10", "other_messages"),
        ("77", "other_messages"),
        ("", "malformed"),
        ("11", "malformed"),
        ("1100bce0", "malformed"),
        ("1100bce000000a0305000081", "malformed"),  # a wrong length
        ("11ff", "malformed"),
    ],
)
def test_what_is_no_telegram_is_acknowledged_and_counted(message: str, count: str) -> None:
    trial = Trial()
    client = trial.tunnel()
    sent = client.request(bytes.fromhex(message))
    assert acks(sent) == [(0, ErrorCode.E_NO_ERROR)]
    assert len(sent) == 1
    assert trial.transmitted == []
    assert getattr(trial.statistics, count) == 1


def test_an_apdu_that_nobody_here_knows_goes_on_as_it_is() -> None:
    trial = Trial()
    sent = trial.tunnel().request(UNKNOWN_APDU)
    assert acks(sent) == [(0, ErrorCode.E_NO_ERROR)]
    (transmitted,) = trial.transmitted
    assert apdu_of(transmitted.data).hex() == "02cd00"


def test_what_a_client_asked_before_it_left_is_still_done_and_its_outcome_nobodys_business() -> (
    None
):
    trial = Trial()
    client = trial.tunnel()
    client.request(READ)
    trial.say(DisconnectRequest(1), CLIENT)
    assert len(trial.transmitted) == 1
    assert outcome(trial) == []
    again = trial.tunnel()  # has the same address, and is another one
    assert again.number == 2
    assert outcome(trial) == []


def test_messages_of_the_other_kind_of_connection_are_ignored() -> None:
    trial = Trial()
    number = trial.opened(MANAGEMENT).communication_channel
    assert Client(trial, number, DATA).request(READ) == []
    tunnel = trial.tunnel()
    frame = bytearray(raw(TunnellingRequest(tunnel.number, 0, READ)))
    frame[2:4] = bytes.fromhex("0310")
    assert trial.say(bytes(frame), DATA) == []
    tunnel.hear(group_read())
    ack = bytearray(raw(TunnellingAck(tunnel.number, 0)))
    ack[2:4] = bytes.fromhex("0311")
    assert trial.say(bytes(ack), DATA) == []
    assert trial.statistics.other_messages == 3


def test_frames_of_an_unsecured_server_that_it_does_not_have_are_counted() -> None:
    trial = Trial()
    for service in range(0x0950, 0x0956):
        frame = bytes.fromhex("0610") + service.to_bytes(2, "big") + bytes.fromhex("00080000")
        assert trial.say(frame, STREAM) == []
    assert trial.statistics.secure == 6
    for service in (0x0202, 0x0425, 0x0530, 0x0740, 0x1234):
        frame = bytes.fromhex("0610") + service.to_bytes(2, "big") + bytes.fromhex("00080000")
        assert trial.say(frame, CLIENT._replace(port=1)) == []
    assert trial.statistics.unserved == 5
