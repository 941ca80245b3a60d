"""Each kind of mistake is found, with its line, its key and a remedy."""

from pathlib import Path

import pytest

from tests.config.sites import DYNAMIC, HOME, KNX, configuration, errors, points, read

POINT = "number: 1, model: keba_p30, connection: {host: 10.0.0.1}"


def in_point(addition: str) -> str:
    """Return a site whose only charging point (line 3) carries `addition`."""
    return points(f"{POINT}, {addition}")


def charger(model: str, connection: str) -> str:
    """Return a site with one charging point (line 3)."""
    return points(f"number: 1, model: {model}, connection: {{{connection}}}")


MISTAKES = {
    "a name of the website that no network could give it": (
        HOME + "website: {host_names: [garage, 'host!']}\n",
        "4: error: website.host_names: 'host!' is not an IPv4 address or host name",
    ),
    "a certificate of the website without its key": (
        HOME + f"website: {{certificate: {__file__}}}\n",
        "4: error: website.key: there is a certificate of the website, but no key",
    ),
    "a key of the website without its certificate": (
        HOME + f"website: {{key: {__file__}}}\n",
        "4: error: website.certificate: there is a key of the website, but no certificate",
    ),
    "names of the website that are no list of names": (
        HOME + "website: {host_names: [[garage]]}\n",
        "4: error: website.host_names: expected a single value",
    ),
    "a list of firmware that is not encrypted": (
        HOME + "firmware: {index: 'http://example.org/firmware.json'}\n",
        "4: error: firmware.index: 'http://example.org/firmware.json' is no address that begins with",
    ),
    "newer firmware looked for nowhere": (
        HOME + "firmware: {check: daily}\n",
        "4: error: firmware.check: newer firmware is looked for every day, but there is no address",
    ),
    "lines of the front panel without their chip": (
        HOME + "panel: {led_app: 27}\n",
        "4: error: panel.chip: lines of the front panel are given, but no GPIO chip; "
        "name the chip, such as /dev/gpiochip0",
    ),
    "a GPIO line that is used twice": (
        HOME + "panel: {chip: /dev/gpiochip0, button: 17, led_app: '017'}\n",
        "4: error: panel.led_app: line 017 is already used by another LED or the button; "
        "give each LED and the button a line of its own",
    ),
    "a named GPIO line that is used twice": (
        HOME + "panel: {chip: pinctrl-rp1, led_com: GPIO22, led_app: GPIO22}\n",
        "4: error: panel.led_com: line GPIO22 is already used by another LED or the button",
    ),
    "a level that no line has": (
        HOME + "panel: {chip: /dev/gpiochip0, button: 17, button_active: down}\n",
        "4: error: panel.button_active: expected one of low, high, got 'down'",
    ),
    "a misspelt section": (
        HOME + "websight: {listen: 127.0.0.1:80}\n",
        "4: error: websight: unknown key; did you mean 'website'?",
    ),
    "a misspelt key of a charging point": (
        in_point("maximum_amps: 16"),
        "3: error: charging_points[0].maximum_amps: unknown key; did you mean 'maximum_a'?",
    ),
    "a misspelt key in a connection": (
        charger("keba_p30", "hots: 10.0.0.1"),
        "3: error: charging_points[0].connection.hots: unknown key; did you mean 'host'?",
    ),
    "a key given twice": (
        HOME + "device: {name: A, name: B}\n",
        "4: error: device.name: key repeated, first given in line 4; remove one of them",
    ),
    "a value out of range": (
        in_point("maximum_a: 90"),
        "3: error: charging_points[0].maximum_a: '90' is out of range; allowed: 6 to 80 A",
    ),
    "a current between 0 and 6 A": (
        in_point("minimum_a: 5"),
        "3: error: charging_points[0].minimum_a: '5' is out of range; allowed: 6 to 32 A",
    ),
    "a word instead of a number": (
        in_point("phases: three"),
        "3: error: charging_points[0].phases: expected a whole number, got 'three'; "
        "allowed: 1 to 3",
    ),
    "a number with its unit": (
        in_point("maximum_a: 16 A"),
        "3: error: charging_points[0].maximum_a: expected a number, got '16 A'; "
        "the unit stands in the key, write 16",
    ),
    "a decimal comma": (
        in_point('minimum_a: "6,5"'),
        "3: error: charging_points[0].minimum_a: expected a number, got '6,5'; write 6.5",
    ),
    "a number that is none": (
        in_point("maximum_a: nan"),
        "3: error: charging_points[0].maximum_a: expected a number, got 'nan'; allowed: 6 to 80 A",
    ),
    "a section instead of a value": (
        in_point("maximum_a: {value: 16}"),
        "3: error: charging_points[0].maximum_a: expected a single value; write it after its key",
    ),
    "a value instead of a section": (
        HOME + "device: Garage\n",
        "4: error: device: expected keys and values here; indent `key: value` lines below it",
    ),
    "a word outside a closed list": (
        HOME + "load_management: {mode: dynamik}\n",
        "4: error: load_management.mode: expected one of off, dynamic, static, got 'dynamik'; "
        "did you mean 'dynamic'?",
    ),
    "a charger that is not in the catalogue": (
        charger("keba_p3o", "host: 10.0.0.1"),
        "3: error: charging_points[0].model: there is no charger model 'keba_p3o'; "
        "did you mean 'keba_p30'",
    ),
    "the name of a product in place of a model": (
        charger("KeContact P30 x-series", "host: 10.0.0.1"),
        "3: error: charging_points[0].model: there is no charger model 'KeContact P30 x-series'; "
        "did you mean 'keba_p30'? `knxgw models chargers` lists all",
    ),
    "a product that nobody knows": (
        charger("Acme 9000", "host: 10.0.0.1"),
        "3: error: charging_points[0].model: there is no charger model 'Acme 9000'; "
        "it may be sold under another name; `knxgw models chargers` lists all",
    ),
    "a meter in place of a charger": (
        charger("eastron_sdm630", "host: 10.0.0.1"),
        "3: error: charging_points[0].model: there is no charger model 'eastron_sdm630': "
        "it is a meter; see `knxgw models chargers`",
    ),
    "a meter that is not in the catalogue": (
        in_point("meter: {model: eastron_sdm63, connection: {host: 10.0.0.2}}"),
        "3: error: charging_points[0].meter.model: there is no meter model 'eastron_sdm63'; "
        "did you mean 'eastron_sdm630'",
    ),
    "a meter entered by hand": (
        in_point("meter: {model: manual, connection: {host: 10.0.0.2}}"),
        "3: error: charging_points[0].meter.model: registers entered by hand stand beside it; "
        "write `manual: {…}` instead of `model`",
    ),
    "a meter without a model": (
        in_point("meter: {connection: {host: 10.0.0.2}}"),
        "3: error: charging_points[0].meter.model: is missing; add `model: …`, or the "
        "registers as `manual: {…}`, or remove `meter`",
    ),
    "a charging point without a number": (
        points("model: keba_p30, connection: {host: 10.0.0.1}"),
        "3: error: charging_points[0].number: is missing; add `number: …`",
    ),
    "a charging point 6": (
        points("number: 6, model: keba_p30, connection: {host: 10.0.0.1}"),
        "3: error: charging_points[0].number: '6' is out of range; allowed: 1 to 5",
    ),
    "one number twice": (
        points(POINT, POINT.replace("10.0.0.1", "10.0.0.2")),
        "4: error: charging_points[1].number: charging point 1 is already defined in line 3; "
        "each number from 1 to 5 may be used once",
    ),
    "a minimum above the maximum": (
        in_point("minimum_a: 20, maximum_a: 16"),
        "3: error: charging_points[0].minimum_a: the minimum current 20 A is above the maximum "
        "16 A; lower minimum_a or raise maximum_a",
    ),
    "a maximum above that of the model": (
        points("number: 1, model: abb_terra_ac, connection: {host: 10.0.0.1}, maximum_a: 63"),
        "3: error: charging_points[0].maximum_a: 63 A is above the highest setpoint of abb_terra_ac; "
        "at most 32 A",
    ),
    "a transport the model does not speak": (
        charger("keba_p30", "type: rtu_over_tcp, host: 10.0.0.1"),
        "3: error: charging_points[0].connection.type: keba_p30 cannot be reached by "
        "rtu_over_tcp; the model speaks: tcp",
    ),
    "a serial connection without a line": (
        charger("abb_terra_ac", "type: serial, unit: 1"),
        "3: error: charging_points[0].connection.type: there is no serial line; add a section "
        "`serial: {port: /dev/…}`",
    ),
    "a client address above 247": (
        charger("abb_terra_ac", "type: serial, unit: 250") + "serial: {port: /dev/ttyUSB0}\n",
        "3: error: charging_points[0].connection.unit: 250 is not a client address of a serial line; "
        "allowed: 1 to 247; 0 disables the device",
    ),
    "a socket the model does not have": (
        charger("alfen_eve", "host: 10.0.0.1, connector: 3"),
        "3: error: charging_points[0].connection.connector: alfen_eve has no connector 3; "
        "allowed: 1, 2",
    ),
    "an address with a number above 255": (
        charger("keba_p30", "host: 10.0.0.256"),
        "3: error: charging_points[0].connection.host: '10.0.0.256' is not an IPv4 address; "
        "write four numbers from 0 to 255",
    ),
    "a host with a scheme": (
        charger("keba_p30", "host: http//keba"),
        "3: error: charging_points[0].connection.host: 'http//keba' is not an IPv4 address or "
        "host name; such as 192.168.1.31",
    ),
    "a phase rotation that does not exist": (
        in_point('phase_rotation: "122"'),
        "3: error: charging_points[0].phase_rotation: expected one of 123, 231, 312, 132, 213, "
        "321, got '122'",
    ),
    "a datapoint type the objects do not have": (
        in_point('dpt: {current: "14.056"}'),
        "3: error: charging_points[0].dpt.current: expected one of 7.012, 9.021, 14.019, "
        "got '14.056'",
    ),
    "a port that is none": (
        HOME + "website: {listen: 127.0.0.1:http}\n",
        "4: error: website.listen: 'http' is not a port; allowed: 1 to 65535",
    ),
    "a time zone that does not exist": (
        HOME + "device: {time_zone: Europe/Berln}\n",
        "4: error: device.time_zone: there is no time zone 'Europe/Berln'; "
        "did you mean 'Europe/Berlin'?",
    ),
    "a tunnel without a gateway": (
        HOME.replace(KNX, "knx: {link: tunnelling_tcp}\n"),
        "1: error: knx.gateway: is missing, link tunnelling_tcp needs it; "
        "add `gateway: host` of the KNX IP interface",
    ),
    "a gateway without a host": (
        HOME.replace("192.168.1.10", "':3671'"),
        "1: error: knx.gateway: has no host; write host:port",
    ),
    "a TP-UART": (
        HOME.replace(KNX, "knx: {link: tpuart, individual_address: 1.1.20}\n"),
        "1: error: knx.link: tpuart is not available in this version; use tunnelling or routing",
    ),
    "a time server that is none": (
        HOME + "device: {ntp_servers: [192.168.1.1, two words!]}\n",
        "4: error: device.ntp_servers: ",
    ),
    "an individual address that is none": (
        HOME.replace(KNX, "knx: {link: routing, individual_address: 1.16.1}\n"),
        "1: error: knx.individual_address: 16 in individual address '1.16.1' is too large, "
        "at most 15; write area.line.device such as 1.1.20",
    ),
    "a multicast group that is none": (
        HOME.replace("192.168.1.10", "192.168.1.10, multicast_group: 192.168.1.1"),
        "1: error: knx.multicast_group: '192.168.1.1' is not a multicast address; "
        "allowed: 224.0.0.0 to 239.255.255.255, usually 224.0.23.12",
    ),
    "a local address that is a name": (
        HOME.replace("192.168.1.10", "192.168.1.10, local_ip: eth0"),
        "1: error: knx.local_ip: 'eth0' is not an IPv4 address; "
        "write the address of the network card",
    ),
    "dynamic load management without a fuse": (
        HOME + DYNAMIC.replace(", fuse_a: 35", ""),
        "4: error: load_management.fuse_a: is missing, load management dynamic needs it; add it",
    ),
    "static load management without a limit": (
        HOME + "load_management: {mode: static}\n",
        "4: error: load_management.static_limit_a: is missing, load management static needs it; "
        "add it",
    ),
    "a reserve that leaves nothing": (
        HOME + "load_management: {fuse_a: 16, reserve_a: 11}\n",
        "4: error: load_management.reserve_a: a reserve of 11 A leaves less than 6 A of the fuse; "
        "allowed with 16 A: 0 to 10 A",
    ),
    "a priority that does not exist": (
        HOME + "load_management: {priority: 4}\n",
        "4: error: load_management.priority: there is no charging point 4; charging points are: 1",
    ),
    "a smart meter type that does not fit": (
        HOME + DYNAMIC.replace("35", '35, smart_meter: {measurement: power, dpt: "14.019"}'),
        "4: error: load_management.smart_meter.dpt: 14.019 does not fit measurement power; "
        "allowed: 9.024, 14.056",
    ),
    "a smart meter on Modbus without a model": (
        HOME + "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {source: modbus}}\n",
        "4: error: load_management.smart_meter.model: is missing, source modbus needs it; "
        "add `model: …`",
    ),
    "a smart meter on Modbus without an address": (
        HOME + "load_management: {mode: dynamic, fuse_a: 35, smart_meter: "
        "{source: modbus, model: eastron_sdm630}}\n",
        "4: error: load_management.smart_meter.connection: the smart meter cannot be read: "
        "no host is given; give its address",
    ),
    "seven data bits with RTU": (
        HOME + "serial: {port: /dev/ttyUSB0, data_bits: 7}\n",
        "4: error: serial.data_bits: Modbus RTU needs 8 data bits; write 8",
    ),
    "a serial line without a port": (
        HOME + "serial: {baud: 9600}\n",
        "4: error: serial.port: is missing; add `port: …`",
    ),
    "a password file that does not exist": (
        HOME.replace("192.168.1.10", "192.168.1.10, keyring_password_file: /none/password"),
        "1: error: knx.keyring_password_file: there is no file /none/password; check the path",
    ),
    "a group object that does not exist": (
        HOME + "group_objects: {57: 1/0/1}\n",
        "4: error: group_objects.57: there is no group object 57; the nearest are: 55, 56, 59, 60",
    ),
    "a group object that is no number": (
        HOME + "group_objects: {state: 1/0/1}\n",
        "4: error: group_objects.state: 'state' is not the number of a group object",
    ),
    "a main group above 31": (
        HOME + "group_objects: {50: [32/0/1]}\n",
        "4: error: group_objects.50[0]: 32 in group address '32/0/1' is too large, at most 31; "
        "write 1/2/3 (0/0/1 to 31/7/255)",
    ),
    "a middle group above 7": (
        HOME + "group_objects: {50: [1/8/1]}\n",
        "4: error: group_objects.50[0]: 8 in group address '1/8/1' is too large, at most 7; "
        "write 1/2/3 (0/0/1 to 31/7/255)",
    ),
    "a sub group above 255": (
        HOME + "group_objects: {50: [1/1/256]}\n",
        "4: error: group_objects.50[0]: 256 in group address '1/1/256' is too large, at most 255; "
        "write 1/2/3 (0/0/1 to 31/7/255)",
    ),
    "the broadcast address": (
        HOME + "group_objects: {50: [0/0/0]}\n",
        "4: error: group_objects.50[0]: '0/0/0' is the broadcast address, not a group address; "
        "write 1/2/3 (0/0/1 to 31/7/255)",
    ),
    "a group address that is none": (
        HOME + "group_objects: {50: [1.2.3]}\n",
        "4: error: group_objects.50[0]: '1.2.3' is not a group address; "
        "write 1/2/3 (0/0/1 to 31/7/255)",
    ),
    "broken YAML": (
        HOME + "device: {name: Garage\nwebsite: {}\n",
        "5: error: not valid YAML: did not find expected ',' or '}'; check indentation, colons "
        "and quotes around this line",
    ),
    "a port beside the host of a device": (
        "knx: {link: none}\ncharging_points:\n"
        "  - {number: 1, model: keba_p30, connection: {host: '192.0.2.1:1502'}}\n",
        "3: error: charging_points[0].connection.host: '192.0.2.1:1502' has a port; "
        "write 192.0.2.1, and the port 1502 in its own place",
    ),
    "a host at which several devices listen": (
        "knx: {link: none}\ncharging_points:\n"
        "  - {number: 1, model: keba_p30, connection: {host: 224.0.0.1}}\n",
        "3: error: charging_points[0].connection.host: '224.0.0.1' is a multicast or broadcast address: "
        "several devices listen there; write the address of the device itself, such as 192.168.1.31",
    ),
    "a tab in the indentation": (
        "knx:\n  link: none\ncharging_points:\n  - number: 1\n\t  name: Garage\n",
        "5: error: not valid YAML: a tab stands in the indentation; indent with spaces",
    ),
    "a tab before the first key of a section": (
        "knx:\n\tlink: none\n",
        "2: error: not valid YAML: a tab stands in the indentation; indent with spaces",
    ),
    "a list instead of the file": (
        "- 1\n",
        "1: error: expected keys and values; such as `knx: {link: none}`",
    ),
    "an empty file": ("", "1: error: the file is empty"),
    "brackets without end": (
        "[" * 100_000,
        "1: error: not valid YAML: it cannot be parsed; check brackets and characters",
    ),
}


@pytest.mark.proves("H.23", "3.48", "D6.15")
@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_named_with_line_key_and_remedy(text: str, expected: str) -> None:
    found = errors(text)
    assert len(found) == 1
    assert found[0].startswith(f"site.yaml:{expected}")
    assert read(text).configuration is None


@pytest.mark.proves("H.23")
def test_every_mistake_is_reported_at_once_and_in_order() -> None:
    text = """\
    device: {time_zone: Mars/Olympus, langage: de}
    knx: {link: tunnelling}
    load_management:
      mode: dynamic
      priority: 5
    charging_points:
      - number: 1
        model: keba_p3
        maximum_a: 200
      - number: 1
        model: alfen_eve
        connection: {host: 10.0.0.1, connector: 7}
        minimum_a: 20
    group_objects:
      50: [1/9/1]
      7: [1/0/7]
    """
    found = [(int(one.split(":")[1]), one.split(": ")[2]) for one in errors(text)]
    assert (
        found
        == [
            (1, "device.langage"),
            (1, "device.time_zone"),
            (2, "knx.gateway"),
            (3, "load_management.fuse_a"),
            (5, "load_management.priority"),
            (8, "charging_points[0].model"),
            (9, "charging_points[0].maximum_a"),
            (10, "charging_points[1].number"),
            (15, "group_objects.50[0]"),
            (16, "group_objects.7"),
        ]
        or found
    )


def test_what_only_follows_from_a_mistake_is_not_reported() -> None:
    text = HOME.replace("keba_p30", "keba") + (
        "load_management: {mode: off, priority: 1}\ngroup_objects: {54: 1/1/1}\n"
    )
    assert [one.key for one in read(text).findings] == ["charging_points[0].model"]


def test_a_finding_is_one_line_even_when_a_key_is_not() -> None:
    for line in errors(HOME + '"a\\nb": 1\n'):
        assert line.isprintable()


def test_a_password_never_appears_in_a_finding(tmp_path: Path) -> None:
    secret = tmp_path / "keyring.password"
    secret.write_text("hunter2-geheim")
    text = HOME.replace(
        "192.168.1.10",
        f"192.168.1.10, keyring: /none.knxkeys, keyring_password_file: {secret}, "
        "keyring_password: hunter2-geheim",
    )
    assert errors(text)
    assert "hunter2" not in "\n".join(errors(text))


def test_what_looks_like_a_mistake_but_is_none_is_accepted() -> None:
    text = HOME.replace(
        "host: 192.168.1.31}", "type: tcp, host: wallbox-1.local., connector: 1}, maximum_a: 16.0"
    )
    assert configuration(text).point(1).connection.host == "wallbox-1.local."
