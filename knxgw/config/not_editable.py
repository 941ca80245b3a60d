"""A configuration text that cannot be edited as wanted; pure."""

from knxgw.catalogue.messages import Message
from knxgw.errors import GatewayError, with_remedy


class NotEditableError(GatewayError):
    """The text cannot be edited as wanted; `words` say why in every language of the product."""

    def __init__(self, words: Message) -> None:
        self.words = words
        super().__init__(with_remedy(words.problem(in_file=True), words.remedy(in_file=True)))
