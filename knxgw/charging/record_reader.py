"""Takes a stored record apart, field by field: whatever it is, reading it raises nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SCHEMA = 1  # the newest one that this version can read
# a stored time outside is not plausible
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class RecordReader:
    """Takes values out of a record one by one, and notes which of them are not known.

    A field is not known if it is missing or has no valid value; its name is then added to
    `unknown_fields`. A stored null means that there is none: it is not noted (but see `flag`).
    """

    def __init__(self, record: object) -> None:
        self.unknown_fields: list[str] = []
        self._values: Mapping[str, Any] = record if isinstance(record, dict) else {}
        schema = self._values.get("schema")
        if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= SCHEMA:
            self.unknown_fields.append("schema")  # a newer version may use the names otherwise
            self._values = {}

    def flag(
        self, name: str, *, is_null_allowed: bool = False, is_optional: bool = False
    ) -> bool | None:
        """Return a flag; None: it is not known, or null is stored.

        Null is noted as not known unless `is_null_allowed`. `is_optional`: earlier builds did not store
        the field, so that it is not noted if it is missing.
        """
        value = self._values.get(name)
        is_known = isinstance(value, bool) or (
            value is None and is_null_allowed and name in self._values
        )
        return value if self._note_if_unknown(name, is_known, is_optional) else None

    def number(self, name: str, low: int, high: int, *, is_optional: bool = False) -> int | None:
        """Return a whole number from `low` to `high`; None: null is stored, or it is not known.

        `is_optional`: as for `flag`.
        """
        value = self._values.get(name)
        if value is None and name in self._values:
            return None
        is_known = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return value if self._note_if_unknown(name, is_known, is_optional) else None

    def moment(self, name: str) -> datetime | None:
        """Return a time [aware UTC]; None: null is stored, or it is not known."""
        value = self._values.get(name)
        if value is None and name in self._values:
            return None
        moment = _moment(value)
        return moment if self._note_if_unknown(name, moment is not None) else None

    def text(self, name: str) -> str | None:
        """Return a text; None: there is none. No decision depends on it, so it is never noted."""
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def part(self, name: str, *, is_optional: bool = False) -> "RecordReader | None":
        """Return a reader of a record within the record; None: null is stored, or the field is missing.

        Anything else than a record gives a reader to which every field is unknown. `is_optional`: as for
        `flag`.
        """
        value = self._values.get(name)
        if not self._note_if_unknown(
            name, isinstance(value, dict) or name in self._values, is_optional
        ):
            return None
        if value is None:
            return None
        return RecordReader({"schema": SCHEMA, **value} if isinstance(value, dict) else None)

    def _note_if_unknown(self, name: str, is_known: bool, is_optional: bool = False) -> bool:  # noqa: FBT001, FBT002 - within
        """Return `is_known`, and note the field if it is not known, unless it may be missing and is."""
        if is_known:
            return True
        # in a record of which nothing is known, an optional field is not known either
        if not (is_optional and name not in self._values and self._values):
            self.unknown_fields.append(name)
        return False


def _moment(value: object) -> datetime | None:
    """Return a stored time [aware UTC]; None for anything that is no plausible time with a zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not EARLIEST <= moment <= LATEST:
        return None
    return moment.astimezone(UTC)
