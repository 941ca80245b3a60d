"""The KNXnet/IP server and the KNX link in words. Pure."""

from collections.abc import Iterator, Mapping

from knxgw.website.knx_device_words import Fact
from knxgw.website.knx_facts import ServerFacts, ServerState
from knxgw.website.language import Language, marked

STATES: Mapping[ServerState, tuple[str, str, str]] = {  # what it is, what helps, tone
    ServerState.LISTENS: (marked("It listens."), "", "good"),
    ServerState.STARTING: (marked("It is just starting."), "", "muted"),
    ServerState.SWITCHED_OFF: (
        marked("It is switched off in the configuration."),
        marked("Give knx.server_port a port to use it."),
        "muted",
    ),
    ServerState.KEYRING: (
        marked(
            "It is off: the site uses a keyring, and the tunnels of this device are not secure."
        ),
        "",
        "muted",
    ),
    ServerState.BEHIND_TUNNEL: (
        marked("It is off: the device itself uses a tunnel."),
        marked("Use a tunnel of the KNX IP interface."),
        "muted",
    ),
    ServerState.NO_NETWORK: (
        marked("It waits for a network address."),
        marked("Check the network cable and the DHCP server."),
        "warning",
    ),
    ServerState.PORT_TAKEN: (
        marked("It cannot listen: another program uses the port."),
        marked("End that program (knxd, a second gateway?), or change knx.server_port."),
        "bad",
    ),
    ServerState.NO_ADDRESS: (
        marked("It cannot listen: the machine does not have this address."),
        marked("Connect the network adapter, or correct knx.local_ip."),
        "bad",
    ),
    ServerState.FAILED: (
        marked("It cannot listen; the log says why."),
        marked("It tries again every 30 s."),
        "bad",
    ),
}
COUNTERS = {  # by their names in `Statistics`
    "connections": marked("Connections opened"),
    "connections_refused": marked("Connections refused"),
    "disconnected_by_client": marked("Connections closed by the client"),
    "heartbeats_missed": marked("Connections ended: the client was silent for two minutes"),
    "acknowledgements_missed": marked("Connections ended: the client acknowledged nothing"),
    "frames_from_tunnels": marked("Telegrams from tunnels"),
    "frames_to_tunnels": marked("Telegrams to tunnels"),
    "lost_to_tunnels": marked("Telegrams lost: the client was too slow"),
    "management_requests": marked("Requests of device management"),
    "answers_lost": marked("Answers lost: the client was too slow"),
    "searches_answered": marked("Searches answered"),
    "searches_not_answered": marked("Searches not answered: there were too many"),
    "repeated": marked("Frames that came twice"),
    "out_of_order": marked("Frames with a wrong sequence counter"),
    "not_taken": marked("Requests not taken: the client had too many at once"),
    "other_messages": marked("Messages that a connection is not for"),
    "strangers": marked("Frames for a connection of somebody else"),
    "malformed": marked("Frames that could not be read"),
    "unserved": marked("Frames of services that the server does not have"),
    "sessions": marked("Sessions of KNX IP Secure"),
    "sessions_refused": marked("Sessions of KNX IP Secure refused"),
    "secure": marked("Frames of KNX IP Secure by UDP, or without any user"),
    "streams_refused": marked("TCP connections refused"),
    "streams_closed": marked("TCP connections closed: idle, or no KNXnet/IP"),
    "not_sent": marked("Frames that the system did not send"),
}
LINK_COUNTERS = {  # of the KNX link
    "busy_sent": marked("ROUTING_BUSY sent: this device asked others to pause"),
    "busy_received": marked("ROUTING_BUSY received: others asked for a pause"),
    "notices_sent": marked("ROUTING_LOST_MESSAGE sent: this device told others of lost telegrams"),
    "notices_received": marked("ROUTING_LOST_MESSAGE received: others told of lost telegrams"),
    "lost_at_others": marked("Telegrams that others say they have lost"),
    "lost_here": marked("Telegrams of others that were not taken, or not answered in time"),
    "malformed": marked("Frames that could not be read"),
    "strangers": marked("Frames of somebody who is not the KNX interface"),
    "confirmations_missed": marked("Telegrams that nobody confirmed"),
    "confirmations_negative": marked("Telegrams that the KNX interface could not send"),
}


def server_state(facts: ServerFacts, words: Language) -> Mapping[str, str]:
    """Return whether the server listens, what helps, and the tone of both."""
    said, remedy, tone = STATES[facts.state]
    return {
        "words": words.text(said),
        "remedy": words.text(remedy) if remedy else "",
        "tone": tone,
    }


def server_rows(facts: ServerFacts, words: Language) -> Iterator[Fact]:
    """Yield where it listens, and for whom."""
    if not facts.address:
        return
    yield Fact(
        words.text("Address"),
        words.text("{address}, port {port}", address=facts.address, port=facts.port),
    )
    managers = ", ".join(facts.managers) or words.text("none")
    yield Fact(words.text("Device management connections"), managers)
    yield Fact(words.text("TCP connections"), words.number(facts.streams))


def counter_rows(
    counters: Mapping[str, int], names: Mapping[str, str], words: Language
) -> Iterator[Fact]:
    """Yield what was counted, in the order of the names."""
    for key, name in names.items():
        if key in counters:
            yield Fact(words.text(name), words.number(counters[key]))
