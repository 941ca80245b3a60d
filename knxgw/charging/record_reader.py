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
        """Take a record; one without a valid schema version, or with a newer one, counts as empty.

        A newer version may use the same names for something else. In both cases "schema" is noted as not known.
        """
        self.unknown_fields: list[str] = []
        self._values: Mapping[str, Any] = record if isinstance(record, dict) else {}
        schema = self._values.get("schema")
        if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= SCHEMA:
            self.unknown_fields.append("schema")
            self._values = {}

    def flag(
        self, name: str, *, is_null_allowed: bool = False, is_optional: bool = False
    ) -> bool | None:
        """Return a stored true or false; None: it is not known, or null is stored.

        What is not known (another type, missing) is noted in `unknown_fields`, and so is a null, unless
        `is_null_allowed`. `is_optional`: earlier builds did not store the field, so it is not noted if it is
        missing.
        """
        value = self._values.get(name)
        is_allowed_null = is_null_allowed and name in self._values and value is None
        is_known = isinstance(value, bool) or is_allowed_null
        return value if self._note_if_unknown(name, is_known, is_optional) else None

    def number(self, name: str, low: int, high: int, *, is_optional: bool = False) -> int | None:
        """Return a stored whole number from `low` to `high`; None: null is stored, or it is not known.

        What is not known (another type, out of range, missing) is noted in `unknown_fields`.
        `is_optional`: earlier builds did not store the field, so it is not noted if it is missing.
        """
        value = self._values.get(name)
        if value is None and name in self._values:
            return None  # null: there is none
        # for Python, true and false are whole numbers too
        is_known = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return value if self._note_if_unknown(name, is_known, is_optional) else None

    def moment(self, name: str) -> datetime | None:
        """Return a stored time [aware UTC]; None: null is stored, or it is not known.

        What is not known (missing, or no plausible time) is noted in `unknown_fields`.
        """
        value = self._values.get(name)
        if value is None and name in self._values:
            return None  # null: there is none
        moment = _moment(value)
        return moment if self._note_if_unknown(name, moment is not None) else None

    def text(self, name: str) -> str | None:
        """Return a stored text; None: there is none, or it is not a text.

        No decision depends on a text, so that is not noted in `unknown_fields`.
        """
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def part(self, name: str, *, is_optional: bool = False) -> "RecordReader | None":
        """Return a reader of a record within the record; None: null is stored, or the field is missing.

        If anything but a record is stored, every field is unknown to that reader. A missing field is noted in
        `unknown_fields`, unless `is_optional`: earlier builds did not store it.
        """
        value = self._values.get(name)
        is_stored = name in self._values  # what it holds is judged by the reader of the part
        if not self._note_if_unknown(name, is_stored, is_optional) or value is None:
            return None
        # a part has no schema of its own; anything but a record (None) leaves its reader without fields
        return RecordReader({"schema": SCHEMA, **value} if isinstance(value, dict) else None)

    def _note_if_unknown(self, name: str, is_known: bool, is_optional: bool = False) -> bool:  # noqa: FBT001, FBT002 - within
        """Return `is_known`, and if it is false, note the field in `unknown_fields`.

        `is_optional`: earlier builds did not store the field, so if it is missing, it is not noted. But if the
        whole record cannot be read, it is noted all the same: then it may have been stored.
        """
        if is_known:
            return True
        is_record_readable = bool(self._values)
        may_be_missing = is_optional and is_record_readable and name not in self._values
        if not may_be_missing:
            self.unknown_fields.append(name)
        return False


def _moment(value: object) -> datetime | None:
    """Return the time [aware UTC] that a stored text in ISO format tells; None: it tells none.

    It must have a time zone, and lie within the years 2000 to 2199: another one is not plausible.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None or not EARLIEST <= moment <= LATEST:
        return None
    return moment.astimezone(UTC)
