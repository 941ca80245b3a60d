"""Lines a person types to a running simulator: plug and unplug, break and mend."""

from pymodbus.constants import ExcCodes

from knxgw.charging.words import PointNumber
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
  state                         what every charging point is in
  help, quit"""

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
        return "\n".join(
            f"{number}: {charger.state}, offer {charger.offer_ma / 1000:.1f} A"
            for number, charger in site.chargers.items()
        )
    return _obey_point(site, words)


def _obey_point(site: SimulatedSite, words: list[str]) -> str:
    number = _number(site, words)
    charger = site.chargers[number]
    vehicle = charger.vehicle
    match words[0]:
        case "plug":
            phases = int(words[2]) if len(words) > 2 else 3
            maximum_ma = round(float(words[3]) * 1000) if len(words) > 3 else 16_000
            charger.plug(Vehicle(phases=phases, maximum_ma=maximum_ma))
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
            raise RejectedError(f"{' '.join(words)!r} is not possible now; try `help`")
    return "ok"


def _misbehave(trouble: Misbehaviour, words: list[str]) -> None:
    """Let an endpoint have one fault, or none; for all of its units."""
    trouble.end()
    try:
        match words[0]:
            case "slow":
                trouble.delay_s = float(words[2])
            case "refuse":
                trouble.exception = int(ExcCodes(int(words[2])))
            case "talk":
                pass
            case word:
                setattr(trouble, _FAULTS[word], True)
    except (IndexError, ValueError):
        raise RejectedError(f"{words[0]}: a number is missing or wrong; try `help`") from None


def _number(site: SimulatedSite, words: list[str]) -> PointNumber:
    try:
        number = PointNumber(int(words[1]))
    except (IndexError, ValueError):
        raise RejectedError(f"{words[0]}: which charging point? try `help`") from None
    if number not in site.chargers:
        raise RejectedError(f"there is no charging point {number}")
    return number
