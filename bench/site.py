"""The benchmark's site: five charging points of four models, an electricity meter behind each."""

POINTS = (
    ("keba_p30", 255, 1, 0),
    ("alfen_eve", 1, 1, 1),
    ("alfen_eve", 1, 2, 1),
    ("abb_terra_ac", 1, 1, 2),
    ("goe_charger", 1, 1, 3),
)


FUSE_A, RESERVE_A = 110, 3
SMART_METER = ("1/0/10", "1/0/11", "1/0/12")


def site_text(
    *, knx: str, modbus_port: int, website_port: int, with_meters: bool, shared: bool = False
) -> str:
    """Return a configuration; chargers listen from `modbus_port` on, meters 20 above.

    `shared`: with load management and a smart meter on KNX.
    """
    lines = [
        "device: {name: Bench, time_zone: UTC}",
        f"knx: {{{knx}}}",
        f'website: {{listen: "127.0.0.1:{website_port}"}}',
        f"load_management: {{mode: dynamic, fuse_a: {FUSE_A}, reserve_a: {RESERVE_A}}}"
        if shared
        else 'load_management: {mode: "off"}',
        "charging_points:",
    ]
    for number, (model, unit, connector, endpoint) in enumerate(POINTS, start=1):
        place = f"type: tcp, host: 127.0.0.1, port: {modbus_port + endpoint}, unit: {unit}"
        lines.append(f"  - number: {number}")
        lines.append(f"    name: Point {number}")
        lines.append(f"    model: {model}")
        lines.append(f"    connection: {{{place}, connector: {connector}}}")
        if with_meters:
            meter = f"type: tcp, host: 127.0.0.1, port: {modbus_port + 20 + number}, unit: 1"
            lines.append(f"    meter: {{model: eastron_sdm630, connection: {{{meter}}}}}")
    lines += ["group_objects:", "  1: [1/0/1]"]
    if shared:
        lines += [f"  {10 + phase}: [{address}]" for phase, address in enumerate(SMART_METER)]
    for number in range(1, 6):
        lines += [
            f"  {offset + 50 * (number - 1)}: [1/{number}/{offset}]"
            for offset in (50, 51, 52, 55, 56, 61, 62, 66, 94)
        ]
    return "\n".join(lines) + "\n"
