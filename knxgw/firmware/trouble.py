"""Why a firmware is not taken, in every language of the product."""

from knxgw.catalogue.messages import Argument, Message
from knxgw.errors import GatewayError, with_remedy


class FirmwareError(GatewayError):
    """A firmware that is not taken; `words` say why, and nothing has changed."""

    def __init__(self, words: Message) -> None:
        self.words = words
        super().__init__(with_remedy(words.problem("en"), words.remedy("en")))


def not_taken(message_id: str, **arguments: "Argument") -> FirmwareError:
    """Return the refusal with a text of `product_db/messages.yaml`."""
    return FirmwareError(Message(message_id, arguments))
