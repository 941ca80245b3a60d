"""Features of a tunnel: what a client may ask, set, and be told."""

import pytest
from xknx.knxip import (
    KNXIPServiceType,
    TunnellingAck,
    TunnellingFeatureGet,
    TunnellingFeatureInfo,
    TunnellingFeatureResponse,
    TunnellingFeatureSet,
)
from xknx.knxip.knxip_enum import TunnellingFeatureType as Feature
from xknx.telegram.apci import ReturnCode

from tests.knxip.trial import DATA, STREAM, Client, Sent, Trial, raw

ENABLE = Feature.INTERFACE_FEATURE_INFO_ENABLE


def ask(client: Client, feature: Feature) -> list[Sent]:
    """Ask for a feature."""
    sent = client.trial.say(TunnellingFeatureGet(client.number, client.counter, feature), DATA)
    client.counter += 1
    return sent


def put(client: Client, feature: Feature, value: str) -> list[Sent]:
    """Set a feature."""
    body = TunnellingFeatureSet(client.number, client.counter, feature, bytes.fromhex(value))
    sent = client.trial.say(body, client.place)
    client.counter += 1
    return sent


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (Feature.SUPPORTED_EMI_TYPE, "0004"),
        (Feature.DEVICE_DESCRIPTOR_TYPE_0, "57b0"),
        (Feature.BUS_CONNECTION_STATUS, "0100"),
        (Feature.MANUFACTURER_CODE, "00fa"),
        (Feature.ACTIVE_EMI_TYPE, "0300"),
        (Feature.INTERFACE_INDIVIDUAL_ADDRESS, "1106"),
        (Feature.MAX_APDU_LENGTH, "00fe"),
        (Feature.INTERFACE_FEATURE_INFO_ENABLE, "0000"),
    ],
)
def test_each_feature_is_told(feature: Feature, value: str) -> None:
    client = Trial().tunnel()
    acknowledgement, answer = ask(client, feature)
    assert isinstance(acknowledgement.body, TunnellingAck)
    assert isinstance(answer.body, TunnellingFeatureResponse)
    assert answer.body.feature_type is feature
    assert answer.body.return_code is ReturnCode.E_SUCCESS
    assert answer.body.data.hex() == value


def feature_frame(service: KNXIPServiceType, content: str) -> bytes:
    """Return a frame that xknx does not write."""
    frame = bytearray(raw(TunnellingFeatureGet()))
    frame[2:4] = service.value.to_bytes(2, "big")
    frame[10:] = bytes.fromhex(content)
    frame[5] = len(frame)
    return bytes(frame)


@pytest.mark.parametrize("service", ["GET", "SET"])
def test_a_feature_nobody_knows_is_refused(service: str) -> None:
    trial = Trial()
    trial.tunnel()
    frame = feature_frame(KNXIPServiceType[f"TUNNELLING_FEATURE_{service}"], "63000100")
    _ack, answer = trial.say(frame, DATA)
    assert answer.raw[10:] == bytes.fromhex("63f2")


@pytest.mark.parametrize(("service", "content"), [("GET", ""), ("GET", "01"), ("SET", "0800")])
def test_a_feature_that_cannot_be_read_is_counted(service: str, content: str) -> None:
    trial = Trial()
    trial.tunnel()
    frame = feature_frame(KNXIPServiceType[f"TUNNELLING_FEATURE_{service}"], content)
    (acknowledgement,) = trial.say(frame, DATA)
    assert isinstance(acknowledgement.body, TunnellingAck)
    assert trial.statistics.malformed == 1


@pytest.mark.parametrize(
    ("feature", "value", "code"),
    [
        (Feature.ACTIVE_EMI_TYPE, "03", ReturnCode.E_SUCCESS),
        (Feature.ACTIVE_EMI_TYPE, "01", ReturnCode.E_DATA_VOID),
        (ENABLE, "01", ReturnCode.E_SUCCESS),
        (ENABLE, "00", ReturnCode.E_SUCCESS),
        (ENABLE, "02", ReturnCode.E_DATA_VOID),
        (Feature.INTERFACE_INDIVIDUAL_ADDRESS, "1107", ReturnCode.E_ACCESS_READ_ONLY),
        (Feature.MAX_APDU_LENGTH, "00ff", ReturnCode.E_ACCESS_READ_ONLY),
    ],
)
def test_only_some_features_may_be_set(feature: Feature, value: str, code: ReturnCode) -> None:
    client = Trial().tunnel()
    _ack, answer = put(client, feature, value)
    assert answer.body.return_code is code
    assert client.channel.address is not None
    assert str(client.channel.address) == "1.1.6"


def test_who_wants_to_know_is_told_what_changes() -> None:
    trial = Trial()
    knowing, other = trial.tunnel(STREAM), trial.tunnel(STREAM)
    put(knowing, ENABLE, "01")
    assert trial.take(trial.endpoint.described_again(trial.now_s)) == []  # nothing has changed
    trial.describe(is_bus_connected=False, max_apdu=55)
    reported = [one.body for one in trial.take(trial.endpoint.described_again(trial.now_s))]
    assert all(isinstance(one, TunnellingFeatureInfo) for one in reported)
    assert {one.communication_channel_id for one in reported} == {knowing.number}
    assert {one.feature_type: one.data.hex() for one in reported} == {
        Feature.BUS_CONNECTION_STATUS: "0000",
        Feature.MAX_APDU_LENGTH: "0037",
    }
    assert other.channel.announced is None
    assert trial.take(trial.endpoint.described_again(trial.now_s)) == []  # he knows
    put(knowing, ENABLE, "00")
    trial.describe(is_bus_connected=True)
    assert trial.take(trial.endpoint.described_again(trial.now_s)) == []


def test_features_and_telegrams_share_their_counters() -> None:
    client = Trial().tunnel()
    assert ask(client, Feature.MAX_APDU_LENGTH)[1].body.sequence_counter == 0
    assert len(ask(client, Feature.MAX_APDU_LENGTH)) == 1  # the answer waits
    (second,) = client.acknowledge(0)
    assert second.body.sequence_counter == 1
