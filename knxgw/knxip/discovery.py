"""Who looks for the device is answered, but not more often than a network bears."""

from collections.abc import Callable

from xknx.knxip import HPAI, DescriptionRequest, SearchRequest

from knxgw.allowance import Allowance
from knxgw.errors import DecodeError
from knxgw.knxip.description import Addresses
from knxgw.knxip.effects import Effect, Send
from knxgw.knxip.ports import Description
from knxgw.knxip.requests import ExtendedSearch
from knxgw.knxip.search import description_response, extended_search_response, search_response
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.wire import Place, answer_place, is_of_transport, own_endpoint

MOST_AT_ONCE, ONE_MORE_S = 50, 0.05  # answers by UDP; TCP slows down who does not read

Question = SearchRequest | ExtendedSearch | DescriptionRequest


class Discovery:
    """Answers searches and requests for a description."""

    def __init__(
        self, own: Place, describe: Callable[[], Description], statistics: Statistics
    ) -> None:
        """Answer for the device that `describe` describes, at the UDP endpoint `own`."""
        self._own, self._describe, self._statistics = own, describe, statistics
        self._allowance = Allowance(most=MOST_AT_ONCE, every_s=ONE_MORE_S)

    def answer(
        self, question: Question, source: Place, used: Addresses, now_s: float
    ) -> list[Effect]:
        """Answer one; `used`: the addresses of tunnels that are open. Raises: DecodeError."""
        endpoint = _endpoint(question)
        if not is_of_transport(endpoint, source):
            raise DecodeError(f"{endpoint} is an endpoint of another protocol")
        raw = self._description(question, own_endpoint(self._own, source), used)
        if raw is None:
            return []
        if source.stream is None and not self._allowance.take(now_s):
            self._statistics.searches_not_answered += 1
            return []
        self._statistics.searches_answered += 1
        return [Send(answer_place(endpoint, source), raw)]

    def _description(self, question: Question, own: HPAI, used: Addresses) -> bytes | None:
        said = self._describe()
        match question:
            case ExtendedSearch():
                return extended_search_response(said, question, own, used)
            case SearchRequest():
                return search_response(said, own)
            case DescriptionRequest():
                return description_response(said)


def _endpoint(question: Question) -> HPAI:
    if isinstance(question, DescriptionRequest):
        return question.control_endpoint
    return question.discovery_endpoint
