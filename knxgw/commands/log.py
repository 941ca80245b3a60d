"""The log of a command, on the standard error."""

import logging

from knxgw.errors import one_line


class OneLine(logging.Formatter):
    """Writes each message as one line: what a charger or a card sends must not pass for a line of ours."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - of the library
        """Return the line; a traceback follows it as it is."""
        record.message = one_line(record.message)
        return super().formatMessage(record)


def set_up_log(verbose: int) -> None:
    """Show what happens; 1: values as well, 2: every telegram as well."""
    level = logging.DEBUG if verbose else logging.INFO
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("knxgw").setLevel(level)
    logging.getLogger("knxgw.wire").setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
    logging.getLogger("xknx").setLevel(logging.ERROR)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the buses report changes themselves
    logging.getLogger("waitress").setLevel(logging.WARNING)
