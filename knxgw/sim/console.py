"""Lines a person types to a running simulator: plug and unplug, break and mend."""

from collections.abc import Iterable

from pymodbus.constants import ExcCodes

from knxgw.charging.scope import PointNumber
from knxgw.errors import RejectedError
from knxgw.sim.misbehaviour import Misbehaviour
from knxgw.sim.site import SimulatedSite
from knxgw.sim.vehicle import Vehicle

HELP = """commands, N is a charging point:
  plug N [phases] [maximum A]   a vehicle with an empty battery arrives
  unplug N                      it leaves
  full N | empty N              its battery is full / has room again
  error N | mend N              the charger reports an error / is well again
  restart N                     the charger forgets everything that was written
  silent N | short N            its endpoint goes silent / answers one register too few
  spoil N | refuse N CODE       answers with a wrong checksum / with a Modbus exception
  slow N SECONDS | frozen N     answers so much later / shows the same values for ever
  blank N                       what it measures is not available (where it has a way to say so)
  away N                        refuses connections; on a serial line the adapter is pulled out
  talk N                        its endpoint behaves well again
  house A [A A]                 what the building draws on L1, L2, L3; negative is export
  house off | house on          the smart meter falls silent / speaks again
  house turned PHASES           its transformers of these phases (1 2 3) are the wrong way round
  house frozen | house right    it repeats its last value / measures rightly again
  state                         what every charging point and the building are in
  help, quit"""

LONGEST_WORD = 20  # characters of what was typed that an answer repeats
MOST_HOUSE_A, MOST_CAR_A = 1000.0, 80.0
LONGEST_DELAY_S = 600.0
_FAULTS = {
    "silent": "silent",
    "short": "short_answers",
    "spoil": "bad_checksum",
    "frozen": "frozen",
    "blank": "blank",
    "away": "away",
}


def obey(site: SimulatedSite, line: str) -> str:
    """Carry out one line and return what to print. Raises: RejectedError, EOFError on quit."""
    words = line.split()
    if not words or words[0] == "help":
        return HELP
    if words[0] == "quit":
        raise EOFError
    if words[0] == "state":
        return _state(site)
    if words[0] == "house":
        return _obey_house(site, words[1:])
    return _obey_point(site, words)


def _state(site: SimulatedSite) -> str:
    points = [
        f"{number}: {charger.state}, offer {charger.offer_ma / 1000:.1f} A, "
        f"draws {_listed(charger.phases_ma)}"
        for number, charger in site.chargers.items()
    ]
    house = site.house
    heard = {None: "", True: ", its meter is silent", False: ", its meter speaks"}
    building = f"house: building {_listed(house.base_ma)}, mains {_listed(house.phases_ma())}"
    return "\n".join([*points, building + heard[site.meter_is_silent]])


def _listed(phases_ma: Iterable[float]) -> str:
    return " / ".join(f"{current_ma / 1000:.1f}" for current_ma in phases_ma) + " A"


def _obey_house(site: SimulatedSite, words: list[str]) -> str:
    """Let the building draw something, or its meter fall silent."""
    if words in (["off"], ["on"]):
        if site.meter_is_silent is None:
            raise RejectedError("this site has no smart meter that could be silent")
        site.silence_meter(silent=words == ["off"])
        return "ok"
    if words and words[0] in ("turned", "frozen", "right"):
        return _obey_meter(site, words)
    if len(words) not in (1, 3):
        raise RejectedError("house: one current for all phases or three of them; try `help`")
    base_ma = [_number_in(word, low=-MOST_HOUSE_A, high=MOST_HOUSE_A) * 1000 for word in words]
    site.house.set_base(base_ma * 3 if len(base_ma) == 1 else base_ma)
    return "ok"


def _obey_meter(site: SimulatedSite, words: list[str]) -> str:
    """Let the smart meter measure wrongly, or rightly again."""
    if site.meter_is_silent is None:
        raise RejectedError("this site has no smart meter that could be wrong")
    match words:
        case ["frozen"]:
            site.house.freeze_meter()
        case ["right"]:
            site.house.mend_meter()
        case ["turned", *phases] if phases and set(phases) <= set("123"):
            site.house.reverse_meter(int(phase) for phase in phases)
        case _:
            raise RejectedError("house: `turned` and phases of 1 2 3, `frozen`, or `right`")
    return "ok"


def _number_in(word: str, *, low: float, high: float) -> float:
    """Return a number that a person typed. Raises: RejectedError; NaN is no number either."""
    try:
        value = float(word)
    except ValueError:
        raise RejectedError(f"{word[:LONGEST_WORD]!r} is not a number") from None
    if not low <= value <= high:
        raise RejectedError(f"{word[:LONGEST_WORD]} is not possible: {low:g} to {high:g}")
    return value


def _obey_point(site: SimulatedSite, words: list[str]) -> str:
    number = _number(site, words)
    charger = site.chargers[number]
    vehicle = charger.vehicle
    match words[0]:
        case "plug":
            charger.plug(_vehicle(words[2:]))
        case "unplug":
            charger.unplug()
        case "full" if vehicle:
            vehicle.charge_wh = vehicle.capacity_wh
        case "empty" if vehicle:
            vehicle.charge_wh = vehicle.capacity_wh / 10
        case "error" | "mend":
            charger.has_error = words[0] == "error"
        case "restart":
            charger.restart()
        case (
            "silent" | "short" | "spoil" | "refuse" | "slow" | "frozen" | "blank" | "away" | "talk"
        ):
            _misbehave(site.endpoint_of(number).misbehaviour, words)
        case _:
            shown = " ".join(words)[: 2 * LONGEST_WORD]
            raise RejectedError(f"{shown!r} is not possible now; try `help`")
    return "ok"


def _vehicle(words: list[str]) -> Vehicle:
    phases = words[0] if words else "3"
    if phases not in ("1", "2", "3"):
        raise RejectedError(f"{phases[:LONGEST_WORD]!r} is not a number of phases: 1, 2 or 3")
    maximum_a = _number_in(words[1], low=1, high=MOST_CAR_A) if len(words) > 1 else 16.0
    return Vehicle(phases=int(phases), maximum_ma=round(maximum_a * 1000))


def _misbehave(trouble: Misbehaviour, words: list[str]) -> None:
    """Let an endpoint have one fault, or none; for all of its units."""
    trouble.end()
    try:
        match words[0]:
            case "slow":
                trouble.delay_s = _number_in(words[2], low=0, high=LONGEST_DELAY_S)
            case "refuse":
                trouble.exception = int(ExcCodes(int(words[2])))
            case "talk":
                pass
            case word:
                setattr(trouble, _FAULTS[word], True)
    except (IndexError, ValueError, RejectedError):
        raise RejectedError(f"{words[0]}: a number is missing or wrong; try `help`") from None


def _number(site: SimulatedSite, words: list[str]) -> PointNumber:
    try:
        number = PointNumber(int(words[1]))
    except (IndexError, ValueError):
        raise RejectedError(f"{words[0]}: which charging point? try `help`") from None
    if number not in site.chargers:
        raise RejectedError(f"there is no charging point {words[1][:LONGEST_WORD]} here")
    return number
