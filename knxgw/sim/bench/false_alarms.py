"""Faults of the smart meter that the gateway finds although it is right.

Source: load-management 13.5.
"""

from knxgw.catalogue.codes import FaultCode
from knxgw.sim.bench.recording import Recording, Violation
from knxgw.sim.bench.scenario import Scenario

WRONG_METER = frozenset({FaultCode.CT_DIRECTION, FaultCode.METER_FROZEN})


def false_alarms(scenario: Scenario, recording: Recording) -> list[Violation]:
    """Return the first time a meter was said not to follow the chargers that does."""
    if scenario.meter.reversed_phases or scenario.meter.frozen:
        return []
    found = [
        Violation(
            found_at=one.changed_at, invariant="13.5", words=f"{one.code}, and the meter is right"
        )
        for one in recording.faults
        if one.present and one.code in WRONG_METER
    ]
    return found[:1]
