"""What of a charging point is worth a line of the log: states, sessions, faults, limits. Pure.

At the default level the log of a day tells its story; values that move, like offers under load
management, are details. A charging point that changes too often has its lines as details, too.

So that the log cannot be filled, each *scope* (a charging point, or the whole device) has an *allowance* of
lines for each level of importance. It is used up line by line, and comes back with time.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from knxgw.allowance import ALMOST_ONE, refilled
from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.catalogue.points import Point, RegisterType
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Decision
from knxgw.charging.publication import Published
from knxgw.charging.quantities import FAULT_INFOS
from knxgw.charging.scope import Scope, log_name
from knxgw.charging.session import Session
from knxgw.station.model import Effect, FaultChanged, LineAllowance, Note, NoteLevel

# how many lines at once, and after how long [s] one more may follow: a scope that changes all day adds no more
# than 83 lines a day. Source: operation 87
MOST_LINES: Mapping[NoteLevel, tuple[int, float]] = {
    NoteLevel.NEWS: (32, 3600.0),
    NoteLevel.EVENT: (15, 7200.0),
}
TOO_OFTEN = "changes too often: more of it with -v only"
Allowances = Mapping[tuple[Scope, NoteLevel], LineAllowance]

# reasons whose beginning and end are news; not those by which offers move all day
_LIMIT_REASONS = frozenset(
    (
        Reason.CONFIGURATION,
        Reason.FAULT,
        Reason.NOT_FOLLOWING,
        Reason.INTERRUPTION,
        Reason.GRID_CONTROL,
        Reason.LOCK_OUT,
        Reason.CANCELLED,
        Reason.WAITING_FOR_START,
        Reason.INTERNAL_ERROR,
        Reason.STOPPING,
        Reason.METER_LOST,
        Reason.INVALID_CURRENT,
    )
)
_BITS = (RegisterType.BITS16, RegisterType.BITS32)  # each bit has a meaning of its own


def offer_note(point: ChargingPoint, decision: Decision) -> Note:
    """Return the line of the log about another offer: news if a limit begins or ends, else a detail.

    A limit is a reason such as a fault or an interruption, but not one by which offers move all day, such as
    the fuse. `decision`: the new one; `point` still has the one before. The first offer is a detail.
    """
    before = point.control.decision
    reasons = {decision.reason} if before is None else {before.reason, decision.reason}
    has_reason_changed = len(reasons) > 1
    begins_or_ends_limit = has_reason_changed and not _LIMIT_REASONS.isdisjoint(reasons)
    why = decision.reason.name.lower()
    return Note(
        text=f"cp{point.settings.number}: offer {decision.offer_ma / 1000:.1f} A ({why})",
        level=NoteLevel.NEWS if begins_or_ends_limit else NoteLevel.DETAIL,
    )


def notes_of(
    before: ChargingPoint, point: ChargingPoint, state_before: Published, state: Published
) -> Iterable[Note]:
    """Yield the lines of the log about what has changed at a charging point: state, session, error code.

    `state_before`, `state`: as published before and now. The charger's own error code has a line only if it
    changes while the fault lasts: the first code is part of the line about that fault.
    """
    name, decision = f"cp{point.settings.number}", point.control.decision
    offer = f"offer {decision.offer_ma / 1000:.1f} A" if decision else "no offer"
    if state_before != state:
        why = decision.reason.name.lower() if decision else "-"
        states = f"{_state_text(point, state_before)} -> {_state_text(point, state)}"
        yield Note(text=f"{name}: state {states}, {offer} ({why})")
    old, new = before.session.latest, point.session.latest
    was_open, is_open = old is not None and old.is_open, new is not None and new.is_open
    if is_open and not was_open:
        text = f"{name}: session started, state {_state_text(point, state)}, {offer}"
        yield Note(text=text, level=NoteLevel.EVENT)
    elif was_open and new is not None and not is_open:
        text = f"{name}: session ended: {_session_summary(point, new)}"
        yield Note(text=text, level=NoteLevel.EVENT)
    is_fault_lasting = all(FaultCode.CHARGER_ERROR in one.faults.present for one in (before, point))
    if is_fault_lasting and (code := own_codes_text(point)) and code != own_codes_text(before):
        text = f"{name}: the charger's own code is {code}"
        yield Note(text=text, level=NoteLevel.EVENT)


def _session_summary(point: ChargingPoint, session: Session) -> str:
    """Return the energy and the duration of a session in words, such as "7.42 kWh in 2 h 05 min".

    The energy is given only if it is measured: if charger or meter report energy or power, or the session
    follows a register of the charger for its energy.
    """
    minutes, seconds = divmod(session.duration_s, 60)
    if minutes >= 60:
        lasted = f"{minutes // 60} h {minutes % 60:02d} min"
    else:
        lasted = f"{minutes} min" if minutes else f"{seconds} s"
    has_meter = not point.settings.capabilities.isdisjoint({"energy", "power"})
    is_measured = has_meter or point.energy.is_register_adopted
    energy = f"{session.energy_mwh / 1_000_000:.2f} kWh" if is_measured else "energy not measured"
    return f"{energy} in {lasted}"


def _state_text(point: ChargingPoint, state: Published) -> str:
    """Return the number and the name of a published charging state; "unknown" if there is none."""
    if not isinstance(state, int):
        return "unknown"
    name = point.installation.product.texts.states[ChargingState(state)].name.en
    return f"{int(state)} ({name.lower()})"


# --- the charger's own code ----------------------------------------------------------------------


def own_codes_text(point: ChargingPoint) -> str:
    """Return the error codes that the charger itself reports, as one text, such as "0x4 (overheated)"; "": none.

    A charger has up to four, in the registers `error_1` to `error_4` of its model file. The meaning is added
    where that file has it.
    """
    registers, codes = point.settings.model.points, []
    for number, quantity in enumerate(FAULT_INFOS, 1):
        text, register = point.value(quantity), registers.get(f"error_{number}")
        if isinstance(text, str) and text and register is not None:
            words = ", ".join(_code_meanings(register, text))
            codes.append(f"{text} ({words})" if words else text)
    return "; ".join(codes)


def _code_meanings(register: Point, text: str) -> Iterable[str]:
    """Yield the meanings of an error code, by the table in the charger's model file (`register.codes`).

    In a register of bits, each set bit has a meaning of its own. A code or bit that is not in the table yields
    nothing. `text`: the code as it is shown: a number in hexadecimal (0x...), or the characters of a text
    register.
    """
    raw: int | str = text
    if text.startswith("0x"):
        with suppress(ValueError):  # the characters of a text register may begin like that, too
            raw = int(text, 16)
    keys: Iterable[int | str] = (raw,)
    if register.type in _BITS and isinstance(raw, int):
        set_bits = [bit for bit in range(raw.bit_length()) if raw >> bit & 1]
        keys = set_bits
    for key in keys:
        if key in register.codes:
            yield register.codes[key].meaning


# --- how much is logged ----------------------------------------------------------------------------


def ration_lines(
    allowances: Allowances, scope: Scope, effects: list[Effect], *, from_index: int, now_s: float
) -> Allowances:
    """Turn lines of the log that are too many into details, and return what is left of each allowance.

    This changes `effects` in place, from `from_index` on. A fault that becomes a detail is still stored. With the
    first line that becomes a detail, another one is added at the end, which says that there are too many; it is
    said again only after half of the allowance has come back.
    """
    for index in range(from_index, len(effects)):
        effect = effects[index]
        if not isinstance(effect, Note | FaultChanged) or effect.level is NoteLevel.DETAIL:
            continue  # no line, or one that the log does not have at the default level
        most, line_s = MOST_LINES[effect.level]  # how many at once; after how long [s] one more
        # a scope that had no line of this level yet has its whole allowance
        allowance = allowances.get((scope, effect.level), LineAllowance(most, now_s))
        lines_left = refilled(
            allowance.lines_left, now_s - allowance.counted_at, most=most, every_s=line_s
        )
        is_announced = allowance.is_announced and lines_left < most / 2
        # a whole line is left; adding up small parts may make it a little less than one
        if lines_left > ALMOST_ONE:
            lines_left = max(0.0, lines_left - 1.0)
        else:
            effects[index] = replace(effect, level=NoteLevel.DETAIL)
            if not is_announced:
                effects.append(Note(text=f"{log_name(scope)}: {TOO_OFTEN}"))
            is_announced = True
        allowance = LineAllowance(lines_left, counted_at=now_s, is_announced=is_announced)
        allowances = {**allowances, (scope, effect.level): allowance}
    return allowances
