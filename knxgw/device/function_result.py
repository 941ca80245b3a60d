"""What a property that is called says to it; a value only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """The answer of a function property."""

    code: int  # 0: it is done; a function may have codes of its own
    data: bytes = b""

    @property
    def octets(self) -> bytes:
        """Return code and data, as they stand in an answer."""
        return bytes([self.code]) + self.data
