"""Finds the registers of a SunSpec device: the marker, then the wanted model. Sans-IO.

A device has a chain of models, each preceded by its id and its length. The start of the chain and
the models before the wanted one differ from device to device.
Source: [sunspec-models] the recipe as the sources of the model files agree on it.
"""

from collections.abc import Sequence

from knxgw.catalogue.device_model import SunSpecChain
from knxgw.catalogue.points import PollClass
from knxgw.modbus.plan import Block

MARKER = (0x5375, 0x6E53)  # "SunS"
END_OF_CHAIN = 0xFFFF
HEADER = 2  # registers in front of a model: its id and its length
MOST_MODELS = 60  # more than any device has
LAST_ADDRESS = 0xFFFF


class ChainWalk:
    """One search along the chain, a request at a time; `start` is the address of the model."""

    def __init__(self, chain: SunSpecChain, unit_id: int, *, passed_over: int = 0) -> None:
        """Search for the model that follows the first `passed_over` of its kind."""
        self._chain = chain
        self._unit_id = unit_id
        self._passed_over = passed_over
        self.restart()

    def restart(self) -> None:
        """Start again at the first possible address of the marker."""
        self.start: int | None = None
        self.failure = ""  # why the search ended without a model
        self._header: tuple[int, ...] = ()
        self._base_index = 0
        self._address: int | None = None  # of the next model; None: searching for the marker
        self._passed_models: list[int] = []
        self._matches = 0  # models of the kind, so far

    @property
    def block(self) -> Block:
        """Return the block to read next; once the model is found, its header as a check."""
        address = self._chain.bases[self._base_index] if self._address is None else self._address
        return Block(
            unit_id=self._unit_id,
            table=self._chain.table,
            address=address,
            count=HEADER,
            points=(),
            poll=PollClass.FAST if self.start is None else PollClass.NORMAL,
        )

    def update(self, registers: Sequence[int]) -> None:
        """Continue with an answer; `start` or `failure` is set when the search is over."""
        if self.start is not None:
            if tuple(registers) != self._header:
                self.failure = f"there is another model at {self.start} than before"
        elif self._address is None:
            self._look_for_marker(registers)
        else:
            self._take_header(self._address, *registers)

    def note_refusal(self) -> None:
        """Continue after the read was refused: at the next base, or the search has failed."""
        if self.start is None and self._address is None:
            self._try_next_base()
        else:
            self.failure = f"the chain of models breaks off at {self._address}"

    def _look_for_marker(self, registers: Sequence[int]) -> None:
        """Take an answer where the marker may be: the chain begins behind it."""
        if tuple(registers) == MARKER:
            self._address = self._chain.bases[self._base_index] + len(MARKER)
        else:
            self._try_next_base()

    def _try_next_base(self) -> None:
        """Look for the marker at the next address; after the last one the search has failed."""
        self._base_index += 1
        if self._base_index == len(self._chain.bases):
            self._base_index = 0
            places = ", ".join(str(base) for base in self._chain.bases)
            self.failure = f'no marker "SunS" at {places}: is SunSpec switched on in the device?'

    def _take_header(self, address: int, model: int, length: int) -> None:
        """Take the header of a model: it is the wanted one, the end of the chain, or one to pass over.

        The wanted one ends the search, with a failure if it is too short. So does the end of the chain.
        """
        is_of_kind = model in self._chain.models
        self._matches += is_of_kind
        if is_of_kind and self._matches > self._passed_over:
            if length >= self._chain.length:
                self.start, self._header = address, (model, length)
            else:
                self.failure = (
                    f"model {model} has {length} registers instead of {self._chain.length}"
                )
        elif model == END_OF_CHAIN:
            self.failure = self._why_not_found()
        else:
            self._passed_models.append(model)
            self._address = address + HEADER + length
            if len(self._passed_models) > MOST_MODELS or self._address + HEADER - 1 > LAST_ADDRESS:
                self.failure = "the chain of models does not end"

    def _why_not_found(self) -> str:
        """Return that the chain has ended without the wanted model, and what it contains instead."""
        wanted = " or ".join(str(number) for number in self._chain.models)
        which = f"{self._matches} but not {self._passed_over + 1}" if self._matches else "no"
        listed = ", ".join(str(number) for number in self._passed_models) or "none"
        return f"{which} model {wanted} in this unit; it has: {listed}"
