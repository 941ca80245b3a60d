"""pysunspec2 reads a chain of SunSpec models, encodes one, and says what its definitions say."""

import struct
import sys

from sunspec2 import device
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from tests.peers.scripts.talk import answer

MARKER, END = b"SunS", b"\xff\xff\x00\x00"


def definitions(models: list[int]) -> dict[str, object]:
    """Return the points of models: register from the header on, type, registers, scale, unit."""
    return {str(one): _points(device.Model(one)) for one in models}


def _points(model: device.Model) -> dict[str, object]:
    return {
        name: {
            "address": point.offset,
            "type": point.pdef["type"],
            "count": point.len,
            "scale": point.sf,
            "unit": point.pdef.get("units"),
        }
        for name, point in model.points.items()
    }


def encode(chain: list[tuple[int, dict[str, float]]]) -> list[int]:
    """Return the registers of a chain: its marker, a common model, these models, its end.

    Scale factors are given as they are, everything else in its unit; what is not given is not
    implemented.
    """
    encoded = bytearray(MARKER + device.Model(1).get_mb())
    for model_id, values in chain:
        model = device.Model(model_id)
        for name, value in sorted(values.items(), key=lambda one: not one[0].endswith("_SF")):
            point = model.points[name]
            if point.pdef["type"] == "sunssf":
                point.value = int(value)
            else:
                point.cvalue = value
        assert not model.error_info, model.error_info
        encoded += model.get_mb()
    encoded += END
    return list(struct.unpack(f">{len(encoded) // 2}H", encoded))


def main(port: int, unit: int) -> None:
    """Serve the questions of a test."""

    def scan() -> list[dict[str, object]]:
        chain = SunSpecModbusClientDeviceTCP(unit, "127.0.0.1", port, timeout=10.0)
        chain.scan()
        chain.close()
        return [
            {
                "id": model.model_id,
                "length": model.model_len,
                "wrong": model.error_info,
                "points": {name: point.cvalue for name, point in model.points.items()},
            }
            for model in chain.model_list
        ]

    answer({"scan": scan, "definitions": definitions, "encode": encode})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
