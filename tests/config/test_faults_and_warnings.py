"""Conditions the gateway starts with as a fault, and risks that are worth a warning."""

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.model import ConfigurationFault
from tests.config.sites import DYNAMIC, HOME, KNX, configuration, errors, points, read, warnings

NOWHERE = "0.0.0.0"  # noqa: S104 - means "no device", nothing is bound to it
LINE = "serial: {port: /dev/ttyUSB0}\n"


def keba(number: int, host: str, addition: str = "") -> str:
    """Return a charging point with a KEBA P30."""
    return f"number: {number}, model: keba_p30, connection: {{host: {host}}}{addition}"


def alfen(number: int, connection: str) -> str:
    """Return a charging point with one socket of an Alfen Eve."""
    return f"number: {number}, model: alfen_eve, connection: {{host: 10.0.0.5, {connection}}}"


def abb(number: int, unit: int, addition: str = "") -> str:
    """Return a charging point with an ABB Terra AC on the line."""
    connection = f"connection: {{type: serial, unit: {unit}}}"
    return f"number: {number}, model: abb_terra_ac, {connection}{addition}"


def only_fault(text: str) -> ConfigurationFault:
    """Return the one fault of a site that starts all the same."""
    (fault,) = configuration(text).faults
    return fault


# --- Conf Charger --------------------------------------------------------------------------------


@pytest.mark.proves("7.52", "7.57")
def test_a_charger_used_twice_marks_the_later_one_and_blocks_both() -> None:
    text = points(keba(1, "10.0.0.1"), keba(2, "10.0.0.2"), keba(4, "10.0.0.1"))
    fault = only_fault(text)
    assert (fault.code, fault.point) == ("Conf Charger", 4)
    assert fault.blocked_points == {1, 4}
    assert errors(text) == [
        "site.yaml:5: error: charging_points[2].connection: Conf Charger: charging point 4 has the "
        "same address as charging point 1 (line 3); give each device its own host, port, unit or "
        "connector"
    ]


@pytest.mark.proves("7.52", "4.5")
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("connector: 1", "connector: 1"),
        ("connector: 1", "unit: 1"),
        ("unit: 2", "connector: 2"),
        ("connector: 2", "unit: 1, connector: 2"),
    ],
)
def test_one_socket_addressed_in_two_ways_is_the_same_charger(left: str, right: str) -> None:
    assert only_fault(points(alfen(1, left), alfen(2, right))).blocked_points == {1, 2}


@pytest.mark.proves("4.3")
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("connector: 1", "connector: 2"),
        ("unit: 1", "unit: 2"),
        ("port: 502", "port: 503"),
    ],
)
def test_two_sockets_of_one_charger_are_two_charging_points(left: str, right: str) -> None:
    assert configuration(points(alfen(1, left), alfen(2, right))).faults == ()


@pytest.mark.proves("7.53")
def test_a_charger_and_a_meter_at_one_address_are_a_charger_used_twice() -> None:
    meter = ", meter: {model: eastron_sdm630, connection: {host: 10.0.0.1, unit: 255}}"
    fault = only_fault(points(keba(1, "10.0.0.1"), keba(2, "10.0.0.2", meter)))
    assert (fault.code, fault.point, fault.blocked_points) == ("Conf Charger", 2, frozenset({1, 2}))


@pytest.mark.proves("7.52")
def test_one_client_address_twice_on_the_line_is_a_charger_used_twice() -> None:
    fault = only_fault(points(abb(1, 7), abb(2, 7)) + LINE)
    assert (fault.code, fault.point, fault.blocked_points) == ("Conf Charger", 2, frozenset({1, 2}))


def test_a_host_written_in_capitals_is_the_same_host() -> None:
    assert only_fault(points(keba(1, "Box.local"), keba(2, "box.local"))).point == 2


@pytest.mark.proves("7.54", "4.2")
def test_a_line_of_the_other_protocol_blocks_what_cannot_speak_it() -> None:
    fault = only_fault(points(abb(1, 1)) + LINE.replace("}", ", protocol: ascii}"))
    assert (fault.code, fault.point, fault.blocked_points) == ("Conf Charger", 1, frozenset({1}))
    assert "RTU and ASCII must not be mixed" in fault.message.en


@pytest.mark.proves("4.2")
def test_chargers_that_begin_their_answers_differently_cannot_share_a_line() -> None:
    abl = "number: 2, model: abl_emh1, connection: {type: serial, unit: 2}"
    text = points(abb(1, 1), abl) + LINE.replace("}", ", protocol: ascii}")
    assert any("begin their answers differently" in error for error in errors(text))


@pytest.mark.proves("7.56")
def test_a_prioritised_charging_point_that_is_disabled_is_a_fault_of_the_device() -> None:
    text = points(keba(1, "10.0.0.1"), keba(2, NOWHERE))
    fault = only_fault(text + "load_management: {priority: 2}\n")
    assert (fault.code, fault.point, fault.blocked_points) == ("Conf Charger", None, frozenset())
    assert fault.message.en == ("the prioritised charging point 2 is disabled: the host is 0.0.0.0")


# --- Conf EMeter, Conf NoCharger, DLMAssociation -------------------------------------------------


@pytest.mark.proves("7.58")
def test_a_meter_used_twice_marks_the_later_charging_point_and_blocks_both() -> None:
    meter = ", meter: {model: eastron_sdm630, connection: {type: serial, unit: 9}}"
    fault = only_fault(points(abb(1, 1, meter), abb(3, 2, meter)) + LINE)
    assert (fault.code, fault.point, fault.blocked_points) == ("Conf EMeter", 3, frozenset({1, 3}))
    assert fault.message.en == (
        "the electricity meter of charging point 3 has the same address as "
        "the electricity meter of charging point 1"
    )


@pytest.mark.proves("7.51", "4.4")
@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("number: 1", "no model is given"),
        ("number: 1, model: keba_p30", "no host is given"),
        (keba(1, NOWHERE), "the host is 0.0.0.0"),
        (abb(1, 0), "the client address is 0"),
        (
            "number: 1, model: abb_terra_ac, connection: {type: serial}",
            "no client address is given",
        ),
    ],
)
def test_an_incomplete_charging_point_is_disabled_and_alone_means_no_charger(
    entry: str, reason: str
) -> None:
    text = points(entry) + LINE
    assert configuration(text).points == ()
    assert only_fault(text).code == "Conf NoCharger"
    assert warnings(text) == [
        f"site.yaml:3: warning: charging_points[0]: charging point 1 is disabled: {reason}"
    ]


@pytest.mark.proves("7.51")
def test_a_file_without_charging_points_has_no_charger() -> None:
    assert errors(KNX) == [
        "site.yaml:1: error: charging_points: Conf NoCharger: no charging point is completely "
        "configured; enter the model and the address of one"
    ]


@pytest.mark.proves("7.59")
@pytest.mark.parametrize(
    ("smart_meter", "linked", "missing"),
    [
        ("phases: 3", "10: 1/0/1", "objects 11, 12"),
        ("phases: 1", "13: 1/0/1", "object 10"),
        ("phases: 1, monitoring: values_and_in_operation", "10: 1/0/1", "object 20"),
        ("monitoring: values_and_in_operation", "13: 1/0/1", "objects 10, 11, 12, 20"),
    ],
)
def test_dynamic_load_management_without_its_objects_is_a_fault_of_the_whole_device(
    smart_meter: str, linked: str, missing: str
) -> None:
    text = (
        points(keba(1, "10.0.0.1"), keba(2, "10.0.0.2"))
        + f"load_management: {{mode: dynamic, fuse_a: 35, smart_meter: {{{smart_meter}}}}}\n"
        + f"group_objects: {{{linked}}}\n"
    )
    fault = only_fault(text)
    assert (fault.code, fault.point) == ("DLMAssociation", None)
    assert not fault.blocked_points, "every charger shall be told 0 A"
    assert fault.message.en.endswith(f"needs a group address at group {missing}")


@pytest.mark.proves("7.59")
def test_high_power_devices_may_lack_an_address() -> None:
    assert configuration(HOME + DYNAMIC).faults == ()


def test_a_smart_meter_on_modbus_needs_no_objects() -> None:
    text = HOME + (
        "load_management: {mode: dynamic, fuse_a: 35, smart_meter: "
        "{source: modbus, model: eastron_sdm630, connection: {host: 10.0.0.9}}}\n"
    )
    assert configuration(text).faults == ()


def test_several_faults_stand_side_by_side() -> None:
    text = points(keba(1, "10.0.0.1"), keba(2, "10.0.0.1")) + (
        "load_management: {mode: dynamic, fuse_a: 35}\n"
    )
    assert [fault.code for fault in configuration(text).faults] == [
        "Conf Charger",
        "DLMAssociation",
    ]


# --- warnings ------------------------------------------------------------------------------------

WARNINGS = {
    "a GPIO chip without a line": (
        HOME + "panel: {chip: /dev/gpiochip0, led_app_active: low}\n",
        "site.yaml:4: warning: panel.chip: has no effect, no LED and no button has a line; give the "
        "lines of the LEDs and of the button, or remove the chip",
    ),
    "minimum currents that reach the limit": (
        points(keba(1, "10.0.0.1"), keba(2, "10.0.0.2", ", phases: 1"))
        + "load_management: {fuse_a: 15}\n",
        "site.yaml:5: warning: load_management.fuse_a: the minimum currents of all charging points "
        "(L1 12 A) reach the limit of 12 A; not all can charge at once: use fewer charging points "
        "or other phases",
    ),
    "chargers that take too much without the gateway": (
        points(
            "number: 1, model: goe_charger, connection: {host: 10.0.0.1}",
            "number: 2, model: goe_charger, connection: {host: 10.0.0.2}",
            keba(3, "10.0.0.3"),
        )
        + "load_management: {fuse_a: 40}\n",
        "site.yaml:6: warning: load_management.fuse_a: without the gateway the chargers may draw "
        "L1 38 A, L2 38 A, L3 38 A, above the limit of 37 A (1, 2 have no watchdog and keep their "
        "last current); lower maximum_a there, use chargers with a watchdog, or fuse them separately",
    ),
    "a smart meter type too small for the fuse": (
        HOME + DYNAMIC.replace("35", '80, smart_meter: {dpt: "7.012"}'),
        "site.yaml:4: warning: load_management.smart_meter.dpt: 7.012 cannot exceed 65.535 A: "
        "only 60 A of the limit of 77 A are used; use 14.019",
    ),
    "a sum that ends too early": (
        points(keba(1, "10.0.0.1", ", maximum_a: 22")),
        "site.yaml:3: warning: charging_points[0].dpt.current: 7.012 cannot exceed 65.535 A, but "
        'the sum of the phases may reach 66 A; write current: "14.019"',
    ),
    "a link to what the charger does not supply": (
        HOME + "group_objects: {82: 1/1/1}\n",
        "site.yaml:4: warning: group_objects.82: group object 82 (Internal temperature – state) "
        "does not exist here: KEBA KeContact P30 does not supply it; remove the link",
    ),
    "a link to what the load management lacks": (
        HOME + "group_objects: {13: 1/1/1}\n",
        "site.yaml:4: warning: group_objects.13: group object 13 (High power-consuming devices) "
        "does not exist here: it exists only with dynamic load management; remove the link",
    ),
    "a link to a charging point that is not there": (
        HOME + "group_objects: {100: 1/1/1}\n",
        "site.yaml:4: warning: group_objects.100: group object 100 (Charging point state – state) "
        "does not exist here: there is no charging point 2; remove the link",
    ),
    "two objects that send on one address": (
        HOME + "group_objects: {52: 1/1/1, 51: [1/1/1, 1/1/2]}\n",
        "site.yaml:4: warning: group_objects.52: group objects 51 and 52 both send on 1/1/1; "
        "give each its own sending (first) group address",
    ),
    "objects of different types on one address": (
        HOME + "group_objects: {55: 1/1/1, 60: [1/1/1]}\n",
        "site.yaml:4: warning: group_objects.60: group objects 55 (1.002) and 60 (14.019) share "
        "1/1/1 but not their datapoint type; link each to addresses of its own type",
    ),
    "an address given twice": (
        HOME + "group_objects: {50: [1/1/1, 1/257]}\n",
        "site.yaml:4: warning: group_objects.50[1]: 1/1/1 is given twice; remove one of them",
    ),
    "another device on the line": (
        HOME + "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {source: modbus, "
        "model: eastron_sdm630, connection: {type: serial, unit: 3}}}\n"
        + "serial: {port: /dev/ttyUSB0, baud: 9600, parity: N}\n",
        "site.yaml:4: warning: load_management.smart_meter.connection.type: the smart meter on the "
        "RS485 line slows down the chargers there; connect it over Modbus TCP",
    ),
    "a line that is set differently than its devices": (
        points("number: 1, model: heidelberg_energy_control, connection: {type: serial, unit: 1}")
        + "serial: {port: /dev/ttyUSB0, baud: 9600, parity: N}\n",
        "site.yaml:3: warning: charging_points[0].connection: charging point 1 "
        "(heidelberg_energy_control) is delivered with 19200 baud, 8E1, the line uses 9600 baud, 8N1; "
        "set the device to match `serial`",
    ),
    "an RTU device over TCP": (
        points("number: 1, model: heidelberg_energy_control, connection: {host: 10.0.0.1}"),
        "site.yaml:3: warning: charging_points[0].connection.type: heidelberg_energy_control speaks "
        "only rtu: over TCP it needs a Modbus gateway that translates; behind a transparent serial "
        "server write rtu_over_tcp",
    ),
    "a charger that takes one client": (
        points("number: 1, model: vestel_evc04_webasto_unite, connection: {host: 10.0.0.1}"),
        "site.yaml:3: warning: charging_points[0].connection: charging point 1 "
        "(vestel_evc04_webasto_unite) accepts only one Modbus client; no app, energy manager or "
        "second gateway may use its Modbus at the same time",
    ),
    "a fail-safe that only the charger knows": (
        points(
            *(
                f"number: {n}, model: alfen_eve, maximum_a: 16, connection: {{host: 10.0.0.{n}}}"
                for n in (1, 2)
            )
        )
        + "load_management: {fuse_a: 25, reserve_a: 0}\n",
        "site.yaml:5: warning: load_management.fuse_a: the current of charging point 1 "
        "(alfen_eve), 2 (alfen_eve) without the gateway is set in the charger and is not known here; "
        "with the maximum it could reach L1 32 A, L2 32 A, L3 32 A, above the limit of 25 A; "
        "set a fail-safe current in the charger that fits",
    ),
    "a meter nobody needs": (
        points(
            keba(
                1,
                "10.0.0.1",
                ", meter: {model: eastron_sdm630, connection: {type: rtu_over_tcp, host: 10.0.0.2}}",
            )
        ),
        "site.yaml:3: warning: charging_points[0].meter: keba_p30 has its own meter; "
        "the meter is not needed",
    ),
    "a meter that is disabled": (
        points(
            keba(1, "10.0.0.1", ", meter: {model: eastron_sdm630, connection: {host: 0.0.0.0}}")
        ),
        "site.yaml:3: warning: charging_points[0].meter: the electricity meter is disabled: "
        "the host is 0.0.0.0",
    ),
    "a start the model does not wait for": (
        points(keba(1, "10.0.0.1", ", start: manual")),
        "site.yaml:3: warning: charging_points[0].start: keba_p30 cannot wait for a start: "
        "charging begins by itself; write start: automatic",
    ),
    "a smart meter nobody asks": (
        HOME + "load_management: {smart_meter: {phases: 1}}\n",
        "site.yaml:4: warning: load_management.smart_meter: has no effect: load management is off",
    ),
    "a smart meter beside a static limit": (
        HOME + "load_management: {mode: static, static_limit_a: 32, smart_meter: {phases: 1}}\n",
        "site.yaml:4: warning: load_management.smart_meter: has no effect: load management is not "
        "dynamic",
    ),
    "a unit id that the connector overrules": (
        points(alfen(1, "unit: 7, connector: 2")),
        "site.yaml:3: warning: charging_points[0].connection.unit: unit 7 has no effect: connector "
        "2 of alfen_eve answers as unit 2; leave unit out",
    ),
}


@pytest.mark.proves("6.13", "D2.2", "D3.1d", "2.30", "D16.63")
@pytest.mark.parametrize(("text", "expected"), WARNINGS.values(), ids=list(WARNINGS))
def test_a_risk_is_a_warning_and_does_not_stop_the_start(text: str, expected: str) -> None:
    assert expected in warnings(text)
    assert errors(text) == []
    assert read(text).configuration is not None
    assert len(warnings(text)) <= 1


@pytest.mark.proves("4.9")
def test_devices_of_different_parity_on_one_line_are_named() -> None:
    meter = ", meter: {model: eastron_sdm630, connection: {type: serial, unit: 9}}"
    text = points(
        f"number: 1, model: heidelberg_energy_control, connection: {{type: serial, unit: 1}}{meter}"
    )
    (mixed,) = [one for one in warnings(text + LINE) if "parity" in one]
    assert mixed == (
        "site.yaml:4: warning: serial.parity: all devices on a line need the same parity, but "
        "they are delivered with different ones: charging point 1 (heidelberg_energy_control) 8E1, the "
        "electricity meter of charging point 1 (eastron_sdm630) 8N1; "
        "set them to the same parity, or connect some over Modbus TCP"
    )
    assert errors(text + LINE) == []


@pytest.mark.proves("D2.2")
def test_minimum_currents_are_counted_on_the_phases_they_are_wired_to() -> None:
    rotated = ', phases: 1, phase_rotation: "231"'
    text = points(keba(1, "10.0.0.1", ", phases: 1"), keba(2, "10.0.0.2", rotated))
    assert warnings(text + "load_management: {fuse_a: 15}\n") == []


def test_one_central_address_for_all_interruptions_is_no_risk() -> None:
    text = points(keba(1, "10.0.0.1"), keba(2, "10.0.0.2"))
    assert warnings(text + "group_objects: {55: 1/0/55, 105: 1/0/55}\n") == []


def test_a_keyring_may_take_its_password_from_the_environment() -> None:
    text = HOME.replace("192.168.1.10", f"192.168.1.10, keyring: {__file__}")
    assert read(text).configuration is not None
    assert any("KNXGW_KEYRING_PASSWORD" in warning for warning in warnings(text))


def test_of_an_impossible_reserve_no_warnings_follow() -> None:
    text = points("number: 1, model: alfen_eve, connection: {host: 192.168.1.31}") + (
        "load_management: {mode: dynamic, fuse_a: 6, reserve_a: 400, smart_meter: {source: knx}}\n"
    )
    found = [str(one) for one in parse_configuration(text, catalogue(), is_offline=True).findings]
    assert [one for one in found if "a reserve of 400 A leaves less than" in one]
    assert [one for one in found if "the limit of" in one] == []
