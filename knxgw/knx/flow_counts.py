"""What a link counts of telegrams that come faster than they can be taken or sent; values only."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class FlowCounts:
    """How a link and its senders have slowed each other down, since the link was configured."""

    busy_received: int = 0  # ROUTING_BUSY of others, for which we pause
    busy_sent: int = 0  # and ours
    notices_received: int = 0  # ROUTING_LOST_MESSAGE of others
    notices_sent: int = 0  # and ours
    lost_at_others: int = 0  # telegrams that others said they had lost
    lost_here: int = 0  # telegrams of others that we could not take, or not answer in time
