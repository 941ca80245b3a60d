"""Lines a person types to a running simulator: plug and unplug, break and mend."""

from knxgw.charging.words import PointNumber
from knxgw.errors import RejectedError
from knxgw.sim.site import SimulatedSite
from knxgw.sim.vehicle import Vehicle

HELP = """commands, N is a charging point:
  plug N [phases] [maximum A]   a vehicle with an empty battery arrives
  unplug N                      it leaves
  full N | empty N              its battery is full / has room again
  error N | mend N              the charger reports an error / is well again
  restart N                     the charger forgets everything that was written
  silent N | short N | talk N   its endpoint goes silent / answers too short / answers again
  state                         what every charging point is in
  help, quit"""


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
        case "silent" | "short" | "talk":
            trouble = site.endpoint_of(number).misbehaviour
            trouble.silent, trouble.short_answers = words[0] == "silent", words[0] == "short"
        case _:
            raise RejectedError(f"{' '.join(words)!r} is not possible now; try `help`")
    return "ok"


def _number(site: SimulatedSite, words: list[str]) -> PointNumber:
    try:
        number = PointNumber(int(words[1]))
    except (IndexError, ValueError):
        raise RejectedError(f"{words[0]}: which charging point? try `help`") from None
    if number not in site.chargers:
        raise RejectedError(f"there is no charging point {number}")
    return number
