"""What the server counts."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Statistics:
    """How often something has happened since the server started."""

    malformed: int = 0  # what could not be read
    unserved: int = 0  # well-formed frames of services that this server does not have
    secure: int = 0  # frames of KNX IP Secure by UDP, or while nobody can authenticate
    sessions: int = 0  # of KNX IP Secure, that were authenticated
    sessions_refused: int = 0  # wrong password, no room, or another order
    strangers: int = 0  # frames for a channel of somebody else, or of nobody
    searches_answered: int = 0  # and descriptions
    searches_not_answered: int = 0  # as too many came
    connections: int = 0
    connections_refused: int = 0
    disconnected_by_client: int = 0
    heartbeats_missed: int = 0  # connections ended as their client was silent
    acknowledgements_missed: int = 0  # connections ended as their client acknowledged nothing
    repeated: int = 0  # frames that came a second time
    out_of_order: int = 0  # frames with a wrong sequence counter
    not_taken: int = 0  # requests of clients that have too many under way
    frames_from_tunnels: int = 0
    frames_to_tunnels: int = 0
    lost_to_tunnels: int = 0  # frames that a client was too slow for
    answers_lost: int = 0  # other messages that a client was too slow for
    other_messages: int = 0  # cEMI messages that a connection is not for
    management_requests: int = 0
    streams_refused: int = 0  # TCP connections, for which there was no room
    streams_closed: int = 0  # TCP connections that were idle, or said something that is no frame
    not_sent: int = 0  # datagrams that the system did not take
