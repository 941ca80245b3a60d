"""How long a whole download takes: every group object linked, all parameters, by xknx over our own tunnelling server.

xknx leaves 50 ms between a response and its next request. What that alone needs is the yardstick.

    python -m bench.download WAY CONTENTS     # the tool, in a process of its own; prints JSON
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xknx import XKNX
from xknx.management.management import MANAGEMENT_RATE_LIMIT, P2PConnection
from xknx.telegram.apci import APCI

from bench.site import site_text
from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.objects import existing_objects
from knxgw.config.parameter_memory import image_of
from knxgw.objects.codec import size_bits
from tests.support.ets_image import texts_of_file
from tests.support.line_tool import tables
from tests.support.netns import Lab, wait_for_line
from tests.support.programming_tool import config_of, download

READ_AND_SEND = 0x4F  # transmit, read, communication; low priority
DOWNLOAD_S = 300.0
_NO_DPT_BITS = 8  # of an object without a datapoint type


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadFigures:
    """One download."""

    objects: int  # linked, each to an address of its own
    octets: int  # of parameters and tables
    seconds: float
    paced_s: float  # of these xknx waits by itself, whatever the device does

    @property
    def ratio(self) -> float:
        """Return the duration as a multiple of what xknx's waiting alone needs."""
        return round(self.seconds / self.paced_s, 2)


def measure(directory: Path) -> DownloadFigures:
    """Download to a gateway in a network namespace of its own. Needs root and iproute2."""
    knx = "link: none, individual_address: 1.1.20, local_ip: 10.77.0.2"
    text = site_text(knx=knx, modbus_port=15021, website_port=18080, with_meters=False)
    site, log, file = directory / "site.yaml", directory / "gateway.log", directory / "contents"
    site.write_text(text, encoding="utf-8")
    contents = _contents(text)
    file.write_text(json.dumps({k: v.hex() for k, v in contents.items()}), "ascii")
    run = (sys.executable, "-m", "knxgw", "run", "--config", str(site))
    with Lab() as lab:
        lab.gateway.popen(*run, "--state", str(directory / "state"), stdout=log)
        wait_for_line(log, "KNXnet/IP server: listens", 30.0)
        tool = (sys.executable, "-m", "bench.download", "udp:10.77.0.2:3671", str(file))
        done = lab.client.run(*tool, timeout_s=DOWNLOAD_S)
    if done.returncode:
        raise RuntimeError(f"the download has failed:\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    return DownloadFigures(
        objects=len(contents[3]) // 2 - 1,
        octets=sum(map(len, contents.values())),
        seconds=round(found["seconds"], 2),
        paced_s=round(found["requests"] / MANAGEMENT_RATE_LIMIT, 2),
    )


def _contents(text: str) -> dict[int, bytes]:
    """Return what is loaded: all parameters, and every object that there can be, linked."""
    configuration = parse_configuration(text, catalogue()).configuration
    if configuration is None:
        raise RuntimeError("the site of the bench is wrong")
    linked = {
        one.number: (
            f"{2 + one.number // 256}/{one.number % 256 // 32}/{one.number % 32 + 1}",
            READ_AND_SEND,
            size_bits(one.dpt) or _NO_DPT_BITS,
        )
        for one in existing_objects(configuration, catalogue())
    }
    return {4: image_of(texts_of_file(text), catalogue()), **tables(linked)}


async def _load(way: str, contents: dict[int, bytes]) -> dict[str, float]:
    requests = 0
    request = P2PConnection.request

    async def counted(self: P2PConnection, payload: APCI) -> Any:  # noqa: ANN401 - as xknx has it
        nonlocal requests
        requests += 1
        return await request(self, payload)

    P2PConnection.request = counted  # type: ignore[method-assign]  # to count what it spaces
    async with XKNX(connection_config=config_of(way)) as xknx:
        begun_s = time.perf_counter()
        await download(xknx, contents)
        return {"seconds": time.perf_counter() - begun_s, "requests": requests}


if __name__ == "__main__":
    loaded = json.loads(Path(sys.argv[2]).read_text(encoding="ascii"))
    figures = _load(sys.argv[1], {int(k): bytes.fromhex(v) for k, v in loaded.items()})
    sys.stdout.write(f"{json.dumps(asyncio.run(figures))}\n")
