"""A site is rehearsed on this computer: where everything is, and the copy of the site's file."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.device_model import Transport
from knxgw.catalogue.load import catalogue
from knxgw.config.build_connection import NO_HOST
from knxgw.config.device_address import device_address
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration, KnxLinkKind
from knxgw.errors import GatewayError
from knxgw.sim.rehearsal import Rehearsal, by_place, group_of, rehearse
from knxgw.sim.site_copy import MARK, site_copy, write_copy

ROOT = Path(__file__).parents[2]
EXAMPLES = [*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "docs" / "config-example.yaml"]
LINE = Path("/somewhere/site-ttyUSB0")
NAME = "/somewhere/site.yaml"
GROUP = group_of(NAME)


def read(text: str, directory: Path | None = None) -> Configuration:
    loaded = parse_configuration(text, catalogue(), directory=directory)
    assert loaded.configuration is not None, [str(one) for one in loaded.findings]
    return loaded.configuration


def rehearsed(text: str, *, may_listen: bool = False, directory: Path | None = None) -> Rehearsal:
    configuration = read(text, directory)
    return rehearse(
        configuration, name=NAME, line_path=LINE, may_listen=lambda _host, _port: may_listen
    )


def copied(text: str, directory: Path | None = None) -> str:
    rehearsal = rehearsed(text, directory=directory)
    return site_copy(text, rehearsal.edits, rehearsal.configuration, catalogue())


LOCAL = "website: {listen: 127.0.0.1}\n"


def site(*connections: str, head: str = "knx: {link: none}", model: str = "abb_terra_ac") -> str:
    points = "".join(
        f"  - {{number: {n}, model: {model}, connection: {{{connection}}}}}\n"
        for n, connection in enumerate(connections, start=1)
    )
    return f"{head}\ncharging_points:\n{points}group_objects: {{50: [1/1/50]}}\n"


def places(text: str, *, may_listen: bool = False) -> dict[str, str]:
    """Return what is simulated in place of each real address."""
    rehearsal = rehearsed(text, may_listen=may_listen)
    return {one.real: one.simulated for one in rehearsal.places}


# --- addresses


def test_a_host_becomes_the_loopback_address_that_ends_like_it() -> None:
    assert places(site("host: 192.168.1.31, port: 5020")) == {
        "192.168.1.31:5020": "127.168.1.31:5020"
    }


def test_two_hosts_never_become_one() -> None:
    found = places(
        site("host: 192.168.1.31", "host: 10.168.1.31", "host: 127.168.1.33, port: 5020")
    )
    assert found == {
        "192.168.1.31:502": "127.168.1.31:10502",
        "10.168.1.31:502": "127.168.1.32:10502",
        "127.168.1.33:5020": "127.168.1.33:5020",
    }


def test_names_get_addresses_of_their_own_in_the_order_of_the_file() -> None:
    found = places(site("host: left.local", "host: right.local"))
    assert list(found.values()) == ["127.0.1.1:10502", "127.0.1.2:10502"]


def test_a_name_that_only_looks_like_a_loopback_address_is_moved() -> None:
    assert places(site("host: 127.example.net, port: 5020")) == {
        "127.example.net:5020": "127.0.1.1:5020"
    }


def test_loopback_addresses_with_high_ports_stay_and_need_no_copy() -> None:
    text = site("host: 127.0.0.11, port: 5020", "host: localhost, port: 5021") + LOCAL
    rehearsal = rehearsed(text)
    assert rehearsal.edits == ()
    assert [one.simulated for one in rehearsal.places] == ["127.0.0.11:5020", "localhost:5021"]


def test_a_low_port_of_a_loopback_address_moves_only_where_the_user_may_not_listen() -> None:
    text = site("host: 127.0.0.11, port: 502")
    assert places(text, may_listen=True) == {"127.0.0.11:502": "127.0.0.11:502"}
    assert places(text, may_listen=False) == {"127.0.0.11:502": "127.0.0.11:10502"}


def test_a_moved_port_never_meets_another_one_of_the_host() -> None:
    found = places(site("host: 192.168.1.9, port: 502", "host: 192.168.1.9, port: 10502, unit: 2"))
    assert found == {
        "192.168.1.9:502": "127.168.1.9:20502",
        "192.168.1.9:10502": "127.168.1.9:10502",
    }


def test_both_sockets_of_a_double_charger_stay_at_one_box() -> None:
    text = site(
        "host: 192.168.1.9, connector: 1", "host: 192.168.1.9, connector: 2", model="alfen_eve"
    )
    rehearsal = rehearsed(text)
    assert {one.simulated for one in rehearsal.places} == {"127.168.1.9:10502"}
    assert list(by_place(rehearsal.places).values()) == [
        ["charging point 1 (alfen_eve, unit 1)", "charging point 2 (alfen_eve, unit 2)"]
    ]


def test_a_serial_adapter_becomes_a_pseudo_terminal_which_knows_no_parity() -> None:
    text = site(
        "type: serial, unit: 3",
        head="knx: {link: none}\nserial: {port: /dev/ttyUSB0, baud: 9600, parity: E}",
        model="heidelberg_energy_control",
    )
    rehearsal = rehearsed(text)
    line = rehearsal.configuration.serial
    assert line is not None
    assert (line.port, line.parity, line.baud) == (str(LINE), "N", 9600)
    assert [(one.simulated, one.real) for one in rehearsal.places] == [(str(LINE), "/dev/ttyUSB0")]
    assert any("parity" in note for note in rehearsal.notes)


def test_a_line_with_a_name_of_ones_own_keeps_it() -> None:
    text = site(
        "type: serial, unit: 3",
        head="knx: {link: none}\nserial: {port: ./line, parity: N}",
        model="heidelberg_energy_control",
    )
    assert rehearsed(text + LOCAL).edits == ()


def test_a_website_whose_address_is_left_out_listens_on_this_machine_only() -> None:
    text = site("host: 127.0.0.1, port: 5020")
    assert 'website:\n  listen: "127.0.0.1:8080"\n' in copied(text)


def test_the_status_page_is_not_shown_to_the_network() -> None:
    rehearsal = rehearsed(site("host: 127.0.0.1, port: 5020") + 'website: {listen: "0.0.0.0:80"}\n')
    configuration = rehearsal.configuration
    assert (configuration.website.host, configuration.website.port) == ("127.0.0.1", 10080)


# --- KNX


@pytest.mark.parametrize(
    "knx",
    [
        "link: tunnelling, gateway: 192.168.1.10",
        "link: tunnelling_tcp, gateway: 192.168.1.10, individual_address: 1.1.9",
        "link: routing, individual_address: 1.1.20",
        "link: routing, local_ip: 192.168.1.5, multicast_group: 239.1.2.3",
    ],
)
def test_knx_is_a_group_of_its_own_on_the_loopback_interface(knx: str) -> None:
    text = site("host: 127.0.0.1, port: 5020", head=f"knx: {{{knx}}}")
    there = read(copied(text)).knx
    assert (there.link, there.local_ip) == (KnxLinkKind.ROUTING, "127.0.0.1")
    assert there.multicast_group == GROUP
    assert there.individual_address == ("1.1.9" if "1.1.9" in knx else there.individual_address)


def test_two_sites_have_two_groups_and_each_keeps_its_own() -> None:
    names = [f"/home/someone/site{number}.yaml" for number in range(50)]
    groups = {name: group_of(name) for name in names}
    assert len(set(groups.values())) == len(names)
    assert {name: group_of(name) for name in names} == groups
    for group in groups.values():
        assert ipaddress.ip_address(group) in ipaddress.ip_network("239.255.0.0/16")


def test_a_site_without_a_knx_section_does_not_reach_the_network_either() -> None:
    text = site("host: 127.0.0.1, port: 5020", head="device: {name: A}")
    there = read(copied(text)).knx
    assert (there.local_ip, there.multicast_group) == ("127.0.0.1", GROUP)


def test_routing_on_the_loopback_interface_stays_as_it_is() -> None:
    knx = "link: routing, local_ip: 127.0.0.1, individual_address: 1.1.20"
    text = site("host: 127.0.0.1, port: 5020", head=f"knx: {{{knx}}}") + LOCAL
    assert rehearsed(text).edits == ()


def test_without_knx_there_is_none_unless_the_smart_meter_needs_it() -> None:
    plain = site("host: 127.0.0.1, port: 5020")
    assert rehearsed(plain).configuration.knx.link is KnxLinkKind.NONE
    metered = plain.replace("50: [1/1/50]", "10: [1/0/10], 11: [1/0/11], 12: [1/0/12]")
    metered += "load_management: {mode: dynamic, fuse_a: 63, smart_meter: {source: knx}}\n"
    assert rehearsed(metered).configuration.knx.link is KnxLinkKind.ROUTING


def test_the_keys_of_the_real_installation_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "site.knxkeys").write_text("keys of the real installation")
    (tmp_path / "password").write_text("its password")
    knx = (
        "link: routing, individual_address: 1.1.20, keyring: site.knxkeys, "
        "keyring_password_file: password"
    )
    text = site("host: 127.0.0.1, port: 5020", head=f"knx: {{{knx}}}")
    there = read(copied(text, tmp_path)).knx
    assert (there.keyring, there.keyring_password_file) == (None, None)
    assert any("Secure" in note for note in rehearsed(text, directory=tmp_path).notes)


# --- the copy


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_copied_with_its_comments_and_is_rehearsed_here(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    made = copied(text)
    configuration = read(made)
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert all(comment in made for comment in comments)
    for device in rehearsed(made).places:
        assert device.real == device.simulated, "nothing is left to be moved"
    for point in configuration.points:
        host = point.connection.host
        assert host is None or host.startswith("127.")


def test_block_style_keeps_its_indentation() -> None:
    text = (
        "knx:\n    link: none\ncharging_points:\n-   number: 1\n    model: abb_terra_ac\n"
        "    connection:\n        host: 192.168.1.31  # left\n" + LOCAL
    )
    assert copied(text) == MARK + text.replace(
        "        host: 192.168.1.31  # left\n",
        "        host: 127.168.1.31  # left\n        port: 10502\n",
    )


def test_a_section_that_is_used_twice_is_written_out() -> None:
    text = (
        "knx: {link: none}\ncharging_points:\n"
        "  - {number: 1, model: alfen_eve, connection: &box {host: 192.168.1.9}}\n"
        "  - {number: 2, model: abb_terra_ac, connection: *box}\n"
    )
    if parse_configuration(text, catalogue()).configuration is None:
        pytest.skip("aliases are not allowed in a site's file")
    made = read(copied(text))
    assert {point.connection.host for point in made.points} == {"127.168.1.9"}


def test_a_copy_overwrites_only_an_earlier_copy(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    write_copy(path, MARK + "a: 1\n")
    write_copy(path, MARK + "a: 2\n")
    assert path.read_text() == MARK + "a: 2\n"
    path.write_text("my own\n")
    with pytest.raises(GatewayError, match="name another file"):
        write_copy(path, MARK)
    assert path.read_text() == "my own\n"
    with pytest.raises(GatewayError, match="cannot be written"):
        write_copy(tmp_path / "nowhere" / "copy.yaml", MARK)


# --- every site


HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str).filter(lambda host: host != NO_HOST),
    st.sampled_from(
        ["127.0.0.1", "127.0.0.2", "localhost", "box.local", "Box-2.local", "10.0.0.1"]
    ),
)
PORTS = st.one_of(st.none(), st.sampled_from([502, 503, 1023, 1024, 5020, 10502, 20502]))
TCP_MODELS = sorted(
    model.id for model in catalogue().chargers.values() if Transport.TCP in model.transports
)
KNX = st.sampled_from(
    ["link: none", "link: routing", "link: tunnelling, gateway: 10.1.1.1", "link: tunnelling_tcp, "
     "gateway: knx.local:3700", "local_ip: 127.0.0.1", None]
)  # fmt: skip


@st.composite
def sites(draw: st.DrawFn) -> str:
    """Return the file of some site; not every one is good."""
    knx = draw(KNX)
    lines = [] if knx is None else [f"knx: {{{knx}}}"]
    if draw(st.booleans()):
        lines.append("load_management: {mode: dynamic, fuse_a: 63}")
    lines.append("charging_points:")
    for number in draw(st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True)):
        port = draw(PORTS)
        connector = draw(st.sampled_from(["", ", connector: 1", ", connector: 2"]))
        more = connector + ("" if port is None else f", port: {port}")
        lines.append(
            f"  - {{number: {number}, model: {draw(st.sampled_from(TCP_MODELS))}, "
            f"connection: {{host: {draw(HOSTS)}{more}}}}}"
        )
    lines.append("group_objects: {10: [1/0/10], 11: [1/0/11], 12: [1/0/12], 50: [1/1/50]}")
    return "\n".join(lines) + "\n"


@pytest.mark.long
@pytest.mark.proves("H.90")
@given(sites())
def test_every_good_site_is_moved_to_this_computer_without_two_devices_becoming_one(
    text: str,
) -> None:
    before = parse_configuration(text, catalogue()).configuration
    if before is None or before.faults:
        return
    after = read(copied(text))
    assert after == rehearsed(text).configuration
    addresses = [
        tuple(device_address(p.connection, p.model) for p in one.points) for one in (before, after)
    ]
    assert len(set(addresses[0])) == len(set(addresses[1]))
    assert len({(host, port) for host, port, _, _ in addresses[0]}) == len(
        {(host, port) for host, port, _, _ in addresses[1]}
    )
    for host, port, _, _ in addresses[1]:
        assert host == "localhost" or ipaddress.ip_address(host).is_loopback
        assert host not in ("127.0.0.0", "127.255.255.255")
        assert 1024 <= port <= 65535
    assert after.knx.link is KnxLinkKind.NONE or after.knx.local_ip == "127.0.0.1"
    assert copied(text) == copied(text), "the same each time"
