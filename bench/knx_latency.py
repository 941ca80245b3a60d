"""Measure how fast GroupValueRead is answered: a yardstick responder and two clients.

    python -m bench.knx_latency responder --tunnel H:P --local-ip X --address 1/2/3=20.5
    python -m bench.knx_latency responder --routing --local-ip X --address 1/2/3=20.5,1/2/4=7
    python -m bench.knx_latency measure-tunnel --gateway H:P --local-ip X --address 1/2/3
    python -m bench.knx_latency measure-routing --local-ip X --address 1/2/3 --rate 40 --count 400

The responder prints "ready" and runs until SIGTERM; a measurement prints one line of JSON.
"""

import argparse
import asyncio
from collections.abc import Sequence

from bench import frames
from bench.raw_routing import RoutingClient
from bench.tunnel_client import TunnelClient


def main(argv: Sequence[str] | None = None) -> None:
    """Run one of the subcommands."""
    arguments = _parser().parse_args(argv)
    arguments.run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="knx_latency", description=__doc__)
    commands = parser.add_subparsers(required=True)

    responder = commands.add_parser("responder", help="answer reads with plain xknx")
    way = responder.add_mutually_exclusive_group(required=True)
    way.add_argument("--tunnel", metavar="H:P", help="through this tunnelling server")
    way.add_argument("--routing", action="store_true", help="on the multicast group")
    responder.set_defaults(run=_responder)

    tunnel = commands.add_parser("measure-tunnel", help="read through a tunnel")
    tunnel.add_argument("--tcp", action="store_true", help="over TCP instead of UDP")
    tunnel.add_argument("--gateway", metavar="H:P", required=True)
    tunnel.add_argument("--count", type=int, default=2000)
    tunnel.add_argument("--outstanding", type=int, default=1)
    tunnel.set_defaults(run=_measure_tunnel)

    routing = commands.add_parser("measure-routing", help="read over multicast at a fixed rate")
    routing.add_argument("--rate", type=float, default=40.0, help="reads per second")
    routing.add_argument("--count", type=int, default=400)
    routing.add_argument("--drain", type=float, default=1.0, help="seconds to wait at the end")
    routing.set_defaults(run=_measure_routing)

    for command in (responder, tunnel, routing):
        command.add_argument("--local-ip", required=True)
        command.add_argument("--address", required=True, help="GA,GA or, responder, GA=value")
    return parser


def _responder(arguments: argparse.Namespace) -> None:
    # the clients start faster without xknx
    from bench.bare_responder import by_routing, by_tunnel, respond  # noqa: PLC0415

    values: dict[str, float] = {}
    for entry in arguments.address.split(","):
        address, _, value = entry.partition("=")
        values[address] = float(value or 20.5)
    local_ip = arguments.local_ip
    config = by_routing(local_ip) if arguments.routing else by_tunnel(arguments.tunnel, local_ip)
    asyncio.run(respond(config, values))


def _measure_tunnel(arguments: argparse.Namespace) -> None:
    host, _, port = arguments.gateway.partition(":")
    place = host, int(port)
    with TunnelClient(place, arguments.local_ip, by_tcp=arguments.tcp) as client:
        figures = client.measure(
            _addresses(arguments), count=arguments.count, outstanding=arguments.outstanding
        )
    print(figures.as_json())


def _measure_routing(arguments: argparse.Namespace) -> None:
    client = RoutingClient(arguments.local_ip)
    figures = client.measure(
        _addresses(arguments),
        rate_per_s=arguments.rate,
        count=arguments.count,
        drain_s=arguments.drain,
    )
    client.close()
    print(figures.as_json())


def _addresses(arguments: argparse.Namespace) -> list[int]:
    return [frames.group_address(address) for address in arguments.address.split(",")]


if __name__ == "__main__":
    main()
