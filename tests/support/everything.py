"""A made-up charger that tells all a group object can say, a meter, and sites with them."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from knxgw.catalogue.directory import product_db
from knxgw.catalogue.load import FILES, catalogue, load_catalogue
from knxgw.catalogue.product import Catalogue

EVERYTHING_BOX = """
id: everything_box
ets_id: 999
manufacturer: Nobody
model: Everything Box
confirmed: false
sources: ["made up for the tests"]
interface: {transports: [tcp], port: 502, unit_id: 1, byte_order: big, word_order: big}
read: {block: merged, max_registers: 100, gap_registers: 20}
write: {functions: [6, 16], min_interval_s: 0}
control:
  resolution_a: 0.1
  minimum_a: 6
  maximum_a: 32
  zero_a: pauses
  offer: [{point: setpoint_write, value: offer}]
  pause: [{point: setpoint_write, value: 0}]
  unlock: [{point: unlock, value: 1}]
  start_stop: true
  read_back: setpoint_read
state_rules:
  - {if: {state: 8, reduced: 1}, state: 9}
  - {if: {state: "*"}, use: codes}
plug_rules:
  - {if: {plug: 0}, connected: false}
  - {if: {plug: 1}, connected: true}
points:
  state:
    address: 0
    table: holding
    type: u16
    codes: {1: {meaning: "1", state: 1}, 2: {meaning: "2", state: 2}, 3: {meaning: "3", state: 3},
      4: {meaning: "4", state: 4}, 5: {meaning: "5", state: 5}, 6: {meaning: "6", state: 6},
      7: {meaning: "7", state: 7}, 8: {meaning: "8", state: 8}, 9: {meaning: "9", state: 9},
      10: {meaning: "10", state: 10}, 11: {meaning: "11", state: 11}}
  plug: {address: 1, table: holding, type: u16}
  reduced: {address: 2, table: holding, type: u16}
  error_1: {address: 3, table: holding, type: u16}
  error_2: {address: 4, table: holding, type: u32}
  error_3: {address: 6, table: holding, type: u16}
  error_4: {address: 7, table: holding, type: u16}
  current_l1: {address: 8, table: holding, type: u16, scale: 0.01, unit: A}
  current_l2: {address: 9, table: holding, type: u16, scale: 0.01, unit: A}
  current_l3: {address: 10, table: holding, type: u16, scale: 0.01, unit: A}
  setpoint_read: {address: 11, table: holding, type: u16, scale: 0.1, unit: A, invalid: [0xFFFF]}
  power_l1: {address: 12, table: holding, type: u16, unit: W}
  power_l2: {address: 13, table: holding, type: u16, unit: W}
  power_l3: {address: 14, table: holding, type: u16, unit: W}
  power: {address: 15, table: holding, type: u16, unit: W}
  energy_total_l1: {address: 16, table: holding, type: u32, unit: Wh}
  energy_total_l2: {address: 18, table: holding, type: u32, unit: Wh}
  energy_total_l3: {address: 20, table: holding, type: u32, unit: Wh}
  energy_total: {address: 22, table: holding, type: u32, unit: Wh}
  energy_session: {address: 24, table: holding, type: u32, unit: Wh}
  rfid: {address: 26, table: holding, type: bytes, count: 4, format: card}
  evccid: {address: 30, table: holding, type: bytes, count: 3, format: hex}
  serial: {address: 33, table: holding, type: str, count: 10}
  firmware: {address: 43, table: holding, type: str, count: 4}
  temperature: {address: 47, table: holding, type: i16, scale: 0.1, unit: "°C", poll: fast}
  setpoint_write: {address: 60, table: holding, type: u16, scale: 0.1, unit: A, access: wo, low: 0, high: 32}
  unlock: {address: 61, table: holding, type: u16, access: wo}
simulator:
  states:
    available: {state: 5, plug: 0}
    waiting: {state: 6, plug: 1}
    charging: {state: 8, plug: 1}
    paused: {state: 11, plug: 1}
    unauthorised: {state: 7, plug: 1}
    error: {state: 2, plug: 1, error_1: 18}
  constants: {serial: EB-0001, firmware: "1.2", temperature: 20}
"""
EVERYTHING_METER = """
id: everything_meter
ets_id: 999
manufacturer: Nobody
model: Everything Meter
confirmed: false
sources: ["made up for the tests"]
interface: {transports: [tcp], port: 502, unit_id: 1, byte_order: big, word_order: big}
read: {block: merged, max_registers: 100, gap_registers: 20}
points:
  current_l1: {address: 0, table: holding, type: u16, scale: 0.01, unit: A}
  power: {address: 1, table: holding, type: u16, unit: W}
  error_1: {address: 2, table: holding, type: u16}
"""
GENERAL_OBJECTS = (1, 2, 8, 9, 10, 11, 12, 13, 20, 506, 507)
OWN_OBJECTS = (510, 511, 512)
POINT_OBJECTS = (*range(50, 57), 59, *range(60, 85), *range(94, 100))


@cache
def models(charger: str = EVERYTHING_BOX) -> Catalogue:
    """Return the catalogue with a charger and the Everything Meter in it."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        for folder in ("chargers", "meters"):
            (place / folder).mkdir()
        for name in FILES:
            (place / f"{name}.yaml").write_bytes((product_db() / f"{name}.yaml").read_bytes())
        (place / "chargers/everything_box.yaml").write_text(charger, encoding="utf-8")
        (place / "meters/everything_meter.yaml").write_text(EVERYTHING_METER, encoding="utf-8")
        own = load_catalogue(place)
    shipped = catalogue()
    return replace(
        own,
        chargers={**shipped.chargers, **own.chargers},
        meters={**shipped.meters, **own.meters},
    )


def links(*points: int) -> str:
    """Return links of every group object: 5/<charging point>/<number at charging point 1>.

    Those of our own objects, from 500 on, are 6/<charging point>/<number - 500>.
    """
    linked = {number: (0, number) for number in GENERAL_OBJECTS}
    for point in points:
        linked |= {number + 50 * (point - 1): (point, number) for number in POINT_OBJECTS}
        linked |= {number + 10 * (point - 1): (point, number) for number in OWN_OBJECTS}
    texts = [
        f"{one}: {5 + number // 500}/{point}/{number % 500}"
        for one, (point, number) in linked.items()
    ]
    return f"group_objects: {{{', '.join(texts)}}}\n"


def site(*points: int, more: str = "", every: str = "") -> str:
    """Return a site of Everything Boxes, all objects linked; `every` is said of each of them."""
    entries = "".join(
        f"  - {{number: {point}, model: everything_box, "
        f"connection: {{host: 127.0.0.1, port: {5020 + point}}}{every}}}\n"
        for point in points
    )
    head = "device: {time_zone: Europe/Berlin}\nknx: {link: none}\n"
    return f"{head}{more}charging_points:\n{entries}{links(*points)}"
