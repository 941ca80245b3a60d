"""Device management: properties, functions, reset and local services, as cEMI messages."""

import asyncio
from typing import Any

import pytest
from xknx.cemi import (
    CEMIErrorCode,
    CEMIFrame,
    CEMIMessageCode,
    CEMIMPropInfo,
    CEMIMPropReadRequest,
    CEMIMPropReadResponse,
    CEMIMPropWriteRequest,
    CEMIMPropWriteResponse,
)
from xknx.knxip import (
    DeviceConfigurationAck,
    DeviceConfigurationRequest,
    DisconnectRequest,
    ErrorCode,
)
from xknx.profile.const import ResourceObjectType

from knxgw.errors import DecodeError
from knxgw.knxip.cemi import Reset, property_indication, read_management
from knxgw.knxip.channel import MOST_UNDER_WAY
from knxgw.knxip.device_management import perform
from tests.knxip.trial import CLIENT, DATA, MANAGEMENT, STREAM, Sent, Trial
from tests.support.knxip_device import NAME, MemoryProperties

READ_NAME = "fc000b014ca001"  # ten elements from the first


class Manager:
    """A client of the device management, and the device that answers it at once."""

    def __init__(self, *, by_tcp: bool = False) -> None:
        self.trial = Trial()
        self.properties = MemoryProperties()
        self.place = STREAM if by_tcp else DATA
        self.counter = 0
        opener = STREAM if by_tcp else CLIENT
        self.number = self.trial.opened(MANAGEMENT, opener, self.place).communication_channel

    def request(self, message: str | bytes) -> list[Sent]:
        """Send a message; return what the server sends before the device was asked."""
        content = bytes.fromhex(message) if isinstance(message, str) else message
        body = DeviceConfigurationRequest(self.number, self.counter, content)
        self.counter = (self.counter + 1) & 0xFF
        return self.trial.say(body, self.place)

    def say(self, cemi: bytes) -> None:
        """Let the device say something later."""
        channel = self.trial.channel(self.number)
        self.trial.take(self.trial.endpoint.say(channel, cemi, self.trial.now_s))

    def answered(self) -> list[Sent]:
        """Let the device do what it was asked last; return what the server sends."""
        trial, (*_, job) = self.trial, self.trial.managed
        answer = asyncio.run(perform(job.request, self.properties, self.say))
        return trial.take(trial.endpoint.managed(job.channel, answer, trial.now_s))

    def ask(self, message: str | bytes) -> str:
        """Return the cEMI message with which the device answers, in hexadecimal."""
        self.request(message)
        (answer,) = self.answered()
        assert isinstance(answer.body, DeviceConfigurationRequest)
        counter = answer.body.sequence_counter
        self.trial.say(DeviceConfigurationAck(self.number, counter), self.place)
        return answer.body.raw_cemi.hex()


def by_xknx(message: str) -> CEMIFrame:
    """Return a message as xknx reads it."""
    return CEMIFrame.from_knx(bytes.fromhex(message))


def info(**changes: Any) -> CEMIMPropInfo:
    """Return the address of the friendly name."""
    place = {"object_type": ResourceObjectType.OBJECT_KNXNETIP_PARAMETER, "property_id": 76}
    return CEMIMPropInfo(**{**place, **changes})


def test_a_property_is_read() -> None:
    request = CEMIFrame(
        code=CEMIMessageCode.M_PROP_READ_REQ,
        data=CEMIMPropReadRequest(property_info=info(number_of_elements=10)),
    ).to_knx()
    assert request.hex() == READ_NAME
    answer = Manager().ask(request)
    assert answer == "fb000b014ca001" + b"EV Gateway".hex()
    data = by_xknx(answer).data
    assert isinstance(data, CEMIMPropReadResponse)
    assert data.error_code is None
    assert data.data == b"EV Gateway"


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("fc000b014c1000", "fb000b014c1000001e"),  # element 0: how many there are
        ("fc000b014c101f", "fb000b014c001f09"),  # beyond the last one
        ("fc000b014c0001", "fb000b014c000109"),  # none
        ("fc0000010b1001", "fb0000010b000107"),  # no such property
        ("fcc0de010b1001", "fbc0de010b000107"),  # an object that nobody knows
        ("f6000b014c200158", "f5000b014c000108"),  # two elements, and the data of one
        ("f6000b014c1001", "f5000b014c000108"),  # without data
        ("f6000b014c000158", "f5000b014c000109"),
        ("f60000010b100158", "f50000010b000107"),
        ("f80011013300aa", "fa0011013300aa"),  # a function is called
        ("f9001101330000", "fa001101330001"),  # and its state is read
        ("f80011013400aa", "fa00110134"),  # there is no such function
        ("f900000136", "fa00000136"),
    ],
)
def test_the_device_answers(message: str, answer: str) -> None:
    assert Manager().ask(message) == answer


def test_a_property_is_written_and_read_back() -> None:
    manager = Manager()
    request = CEMIFrame(
        code=CEMIMessageCode.M_PROP_WRITE_REQ,
        data=CEMIMPropWriteRequest(
            property_info=info(number_of_elements=2, start_index=4), data=b"XY"
        ),
    ).to_knx()
    answer = by_xknx(manager.ask(request)).data
    assert isinstance(answer, CEMIMPropWriteResponse)
    assert answer.error_code is None
    assert manager.properties.values[NAME].startswith(b"EV XYteway")


def test_an_error_is_read_as_such_by_others() -> None:
    data = by_xknx(Manager().ask("fc0000010b1001")).data
    assert isinstance(data, CEMIMPropReadResponse)
    assert data.error_code is CEMIErrorCode.CEMI_ERROR_VOID_DP


def test_functions_get_what_was_sent() -> None:
    manager = Manager()
    manager.ask("f80011013300aabb")
    assert manager.properties.commands == [bytes.fromhex("00aabb")]


def test_a_reset_is_passed_on_and_has_no_answer() -> None:
    manager = Manager()
    (acknowledgement,) = manager.request("f1")
    assert isinstance(acknowledgement.body, DeviceConfigurationAck)
    assert manager.trial.managed[0].request == Reset()
    assert manager.answered() == []


@pytest.mark.parametrize(
    ("request_", "answer", "is_connected"),
    [
        ("4100000000000000 01 0300", "8900000000000000 03 034057b0", True),
        ("4a00000000000000 01 0300", "9400000000000000 03 034057b0", False),
        ("4a02abcd000000000000 02 0300", "9400000000000000 03 034057b0", False),
    ],
)
def test_a_local_service_is_answered_when_the_device_wants(
    request_: str, answer: str, *, is_connected: bool
) -> None:
    manager = Manager()
    manager.request(request_.replace(" ", ""))
    assert manager.answered() == []
    assert manager.properties.local == [(bytes.fromhex("0300"), is_connected)]
    manager.properties.answers[0](bytes.fromhex("034057b0"))
    manager.properties.answers[0](bytes.fromhex("034057b0"))
    first = manager.trial.sent[-1]
    assert first.body.raw_cemi == bytes.fromhex(answer)
    (second,) = manager.trial.say(DeviceConfigurationAck(manager.number, 0), manager.place)
    assert second.body.raw_cemi == bytes.fromhex(answer)
    assert second.body.sequence_counter == 1


def test_requests_are_acknowledged_repeated_and_ignored_as_in_a_tunnel() -> None:
    manager = Manager()
    (first,) = manager.request(READ_NAME)
    assert isinstance(first.body, DeviceConfigurationAck)
    assert first.body.status_code is ErrorCode.E_NO_ERROR
    manager.counter = 0
    (again,) = manager.request(READ_NAME)
    assert again == first
    manager.counter = 9
    assert manager.request(READ_NAME) == []
    assert len(manager.trial.managed) == 1


def test_by_tcp_nothing_is_acknowledged() -> None:
    manager = Manager(by_tcp=True)
    assert manager.request(READ_NAME) == []
    (answer,) = manager.answered()
    assert answer.to == STREAM
    assert manager.trial.wait(60) == []


def test_an_answer_is_repeated_three_times_after_ten_seconds_each() -> None:
    manager = Manager()
    manager.request(READ_NAME)
    (answer,) = manager.answered()
    for _ in range(3):
        assert manager.trial.wait(9.999) == []
        assert manager.trial.wait(0.001) == [answer]
    assert manager.trial.wait(9.999) == []
    (farewell,) = manager.trial.wait(0.001)
    assert isinstance(farewell.body, DisconnectRequest)


def test_clients_are_told_of_a_changed_property() -> None:
    manager = Manager()
    trial = manager.trial
    trial.tunnel()
    message = property_indication(NAME, 1, 2, b"XY")
    (reported,) = trial.take(trial.endpoint.inform(NAME, message, trial.now_s))
    assert reported.body.raw_cemi.hex() == "f7000b014c20015859"
    data = by_xknx("f7000b014c20015859").data
    assert isinstance(data, CEMIMPropReadResponse)
    assert data.data == b"XY"


def test_answers_for_a_client_that_has_left_are_dropped() -> None:
    manager = Manager()
    manager.request(READ_NAME)
    manager.trial.say(DisconnectRequest(manager.number), CLIENT)
    assert manager.answered() == []
    channel = manager.trial.managed[0].channel
    assert manager.trial.endpoint.say(channel, b"\xf0", 0.0) == []


@pytest.mark.parametrize(
    "message",
    [
        *("", "fc", "fc000b014ca0", "fc000b014ca00100", "f6000b01", "f8000b01", "41", "4affffff"),
        *("4100000000000000", "4100000000000000020300ff00", "41000000000000000003"),
    ],
)
def test_what_cannot_be_read_is_counted_and_its_acknowledgement_goes_out(message: str) -> None:
    manager = Manager()
    (acknowledgement,) = manager.request(message)
    assert isinstance(acknowledgement.body, DeviceConfigurationAck)
    assert manager.trial.statistics.malformed == 1
    with pytest.raises(DecodeError):
        read_management(bytes.fromhex(message))


@pytest.mark.parametrize("message", ["11", "29", "2b", "fb", "f0", "00", "1100bce000000a03010000"])
def test_messages_that_it_is_not_for_are_counted(message: str) -> None:
    manager = Manager()
    assert len(manager.request(message)) == 1
    assert manager.trial.statistics.other_messages == 1
    assert manager.trial.managed == []


def test_only_so_many_requests_are_under_way() -> None:
    for by_tcp in (False, True):
        manager = Manager(by_tcp=by_tcp)
        for _ in range(3 * MOST_UNDER_WAY):
            manager.request(READ_NAME)
        assert len(manager.trial.managed) == MOST_UNDER_WAY
        assert manager.trial.statistics.not_taken > 0
