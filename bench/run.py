"""`make bench`: measures the budgets of the design and writes docs/performance.md.

Needs root, iproute2 and knxd for the KNX figures, Chromium for the first paint of the website.
    python -m bench.run [--runs N] [--only rules|process|serial|website|knx|realtime]
                        [--minutes N] [--browser-minutes N]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench import client_cost, download, first_page, meter_reaction, rules, serial_line, website
from bench.compare import Comparison, Task, Way, compare
from bench.interruption import measure
from bench.realtime import check
from bench.rows import (
    BEHIND_KNXD,
    OWN_SERVER,
    ROUTING,
    Row,
    cost_row,
    download_row,
    latency_rows,
    overload_row,
    own_rate_row,
    page,
    process_rows,
    rate_row,
    reaction_row,
    realtime_row,
    renewed,
    rule_rows,
    serial_rows,
)
from bench.site import site_text
from bench.website_rows import first_page_row, visitor_rows

PAGE = Path(__file__).parents[1] / "docs/performance.md"
ADDRESSES = ("1/1/56", "1/2/61", "1/3/56", "1/4/94")
OVERLOAD_RATE_PER_S = 500.0
PARTS = ("rules", "process", "serial", "website", "knx", "realtime")


def knx_rows(runs: int, directory: Path) -> list[Row]:
    """Return the rows that compare the gateway with a bare xknx responder."""
    tunnel_site = directory / "tunnel.yaml"
    tunnel = 'link: tunnelling, gateway: "10.77.0.1:3671", local_ip: 10.77.0.2'
    tunnel_site.write_text(
        site_text(knx=tunnel, modbus_port=15021, website_port=18080, with_meters=False)
    )
    routing_site = directory / "routing.yaml"
    routing = "link: routing, individual_address: 1.1.20, local_ip: 10.77.0.2"
    routing_site.write_text(
        site_text(knx=routing, modbus_port=15021, website_port=18080, with_meters=False)
    )
    rows = []
    one = compare(
        _command(tunnel_site, directory),
        Task(way="tunnel", addresses=ADDRESSES),
        companions=[_simulator(tunnel_site)],
        runs=runs,
    )
    rows += latency_rows("over a tunnel, one read outstanding", one, BEHIND_KNXD)
    many = compare(
        _command(tunnel_site, directory),
        Task(way="tunnel", addresses=ADDRESSES, count=4000, outstanding=32),
        companions=[_simulator(tunnel_site)],
        runs=min(runs, 3),
    )
    rows.append(rate_row(many))
    slow = compare(
        _command(routing_site, directory),
        Task(way="routing", addresses=ADDRESSES, count=400, rate_per_s=40.0),
        companions=[_simulator(routing_site)],
        runs=runs,
    )
    rows += latency_rows("over routing at 40/s", slow, ROUTING)
    flood = compare(
        _command(routing_site, directory),
        Task(
            way="routing",
            addresses=ADDRESSES,
            count=1000,
            rate_per_s=OVERLOAD_RATE_PER_S,
            drain_s=25.0,
        ),
        companions=[_simulator(routing_site)],
        runs=1,
    )
    rows.append(overload_row(flood))
    return [*rows, *own_server_rows(runs, directory)]


def own_server_rows(runs: int, directory: Path) -> list[Row]:
    """Return the rows of our own tunnelling server, on its line without a wire."""
    site = directory / "own.yaml"
    knx = "link: none, individual_address: 1.1.20, local_ip: 10.77.0.2"
    site.write_text(site_text(knx=knx, modbus_port=15021, website_port=18080, with_meters=False))

    def measured(task: Task) -> Comparison:
        return compare(_command(site, directory), task, companions=[_simulator(site)], runs=runs)

    one = measured(Task(way="own tunnel", addresses=ADDRESSES))
    rows = latency_rows(
        "over our own tunnelling server by UDP, one read outstanding", one, OWN_SERVER
    )
    ways: tuple[tuple[str, Way], ...] = (("UDP", "own tunnel"), ("TCP", "own tunnel by TCP"))
    for by, way in ways:
        many = Task(way=way, addresses=ADDRESSES, count=4000, outstanding=32)
        rows.append(own_rate_row(by, measured(many)))
    return rows


def website_rows(directory: Path, minutes: float) -> list[Row]:
    """Return the rows of the website; that of its first paint needs Debian's Chromium."""
    rows = [first_page_row(first_page.measure(directory))] if first_page.is_possible() else []
    return [*rows, *visitor_rows(website.measure(directory, minutes=minutes))]


def _command(site: Path, directory: Path) -> list[str]:
    state = directory / "state"
    return [sys.executable, "-m", "knxgw", "run", "--config", str(site), "--state", str(state)]


def _simulator(site: Path) -> list[str]:
    return [sys.executable, "-m", "knxgw", "sim", "--site", str(site)]


def main() -> None:
    """Measure, print, write the page; with `--only` the rows of that part are renewed."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the design's budgets.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--only", choices=PARTS, help="measure one part, and renew its rows of the page"
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of the real-time check")
    parser.add_argument("--browser-minutes", type=float, default=10.0, help="of 50 live browsers")
    options = parser.parse_args()
    rows: list[Row] = []
    load_average = os.getloadavg()[1]
    models = serial_line.models()
    with tempfile.TemporaryDirectory(prefix="knxgw-bench-") as name:
        directory = Path(name)
        if options.only in (None, "process"):
            rows += process_rows(measure(directory))
            rows.append(reaction_row(meter_reaction.measure(directory)))
        if options.only in (None, "rules"):
            rows += rule_rows(rules.measure())
        if options.only in (None, "serial"):
            rows += serial_rows({name: serial_line.measure(m) for name, m in models.items()})
            rows.append(cost_row(client_cost.measure(directory)))
        if options.only in (None, "website"):
            rows += website_rows(directory, options.browser_minutes)
        if options.only in (None, "knx"):
            rows += knx_rows(options.runs, directory)
            rows.append(download_row(download.measure(directory)))
        if options.only in (None, "realtime"):
            rows.append(realtime_row(check.measure(directory, minutes=options.minutes)))
    for row in rows:
        print(row)
    if options.only is None:
        PAGE.write_text(page(rows, options.runs, load_average), encoding="utf-8")
    elif rows:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(renewed(text, rows, load_average), encoding="utf-8")


if __name__ == "__main__":
    main()
