"""Every combination of the six flags does what each of its letters says, and nothing else."""

import itertools

import pytest
from xknx.dpt import DPTBinary
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

from tests.objects.objects import Bus, group_object

ALL = ["".join(letters) for letters in itertools.product(*((f"{x}-") for x in "CRWTUI"))]
ONE = DPTBinary(1)


def bus_with(flags: str) -> Bus:
    """Return a bus with one object that can be told, sent, answered and read: GO 55."""
    return Bus(group_object(55, "interruption", "1/1/1", "1/1/2", dpt="1.002", flags=flags))


@pytest.mark.proves("2.50", "2.51")
@pytest.mark.parametrize("flags", ALL)
def test_r_answers_reads_on_the_address_they_came_on(flags: str) -> None:
    bus = bus_with(flags)
    bus.publish("interruption", True)
    bus.sent_until(5)
    for address in ("1/1/1", "1/1/2"):
        bus.receive(address, GroupValueRead())
        answered = "C" in flags and "R" in flags
        assert bus.answers() == ([(address, 1)] if answered else [])


@pytest.mark.proves("2.50", "2.52", "2.54", "2.59")
@pytest.mark.parametrize("flags", ALL)
def test_w_takes_writes_and_u_takes_responses_on_every_address(flags: str) -> None:
    bus = bus_with(flags)
    for address in ("1/1/1", "1/1/2"):
        written = bus.receive(address, GroupValueWrite(ONE))
        assert len(written) == ("C" in flags and "W" in flags)
        updated = bus.receive(address, GroupValueResponse(ONE))
        assert len(updated) == ("C" in flags and "U" in flags)


@pytest.mark.proves("2.50", "2.53", "2.58")
@pytest.mark.parametrize("flags", ALL)
def test_t_sends_on_the_first_address_on_its_own(flags: str) -> None:
    bus = bus_with(flags)
    bus.publish("interruption", True)
    sends = "C" in flags and "T" in flags
    assert bus.sent_until(5) == ([(0.0, "1/1/1", GroupValueWrite(ONE))] if sends else [])


@pytest.mark.proves("2.50", "2.55", "2.56", "2.57")
@pytest.mark.parametrize("flags", ALL)
def test_i_reads_from_the_bus_at_start_up_and_recovery_and_needs_c_only(flags: str) -> None:
    bus = bus_with(flags)
    for start_s in (0.0, 100.0):
        bus.now_s = start_s
        bus.server.bus_ready()
        reads = "C" in flags and "I" in flags
        assert bus.sent_until(start_s + 5) == (
            [(start_s, "1/1/1", GroupValueRead())] if reads else []
        )
