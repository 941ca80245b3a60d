"""What the values of the meter at the mains connection say about its direction; pure.

Nothing is switched for it, so it stays a question: who feeds in has generation, or a meter that is
turned round.
"""

from collections.abc import Mapping

from knxgw.catalogue.messages import Listed, Message, message

LEAST_W, LEAST_MA = 100, 500  # below that a sign says nothing


def direction_risks(values: Mapping[int, float], *, is_power: bool) -> tuple[Message, ...]:
    """Return what is doubtful about the values of the phases 1…3 [W or mA]; + is what is drawn."""
    least = LEAST_W if is_power else LEAST_MA
    fed_in = [phase for phase, value in sorted(values.items()) if value <= -least]
    drawn = [phase for phase, value in values.items() if value >= least]
    if not fed_in:
        return ()
    phases = Listed(tuple(f"L{phase}" for phase in fed_in), "and")
    if drawn:
        return (message("online_meter_phase_feeds_in", phases=phases),)
    return (message("online_meter_feeds_in", phases=phases),)


def measured(values: Mapping[int, float], *, is_power: bool) -> Message:
    """Return what the meter measures on the phases 1…3 [W or mA], for a person to compare."""
    phases = sorted(values.items())
    shown = (
        tuple(message("phase_power", phase=phase, power=round(value)) for phase, value in phases)
        if is_power
        else tuple(
            message("phase_current", phase=phase, current=round(value / 1000, 1))
            for phase, value in phases
        )
    )
    return message("online_meter_values", values=Listed(shown))
