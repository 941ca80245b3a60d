"""The log of a command, on the standard error."""

import logging


def set_up_log(verbose: int) -> None:
    """Show what happens; 1: values as well, 2: every telegram as well."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("knxgw").setLevel(level)
    logging.getLogger("knxgw.wire").setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
    logging.getLogger("xknx").setLevel(logging.ERROR)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the buses report changes themselves
    logging.getLogger("waitress").setLevel(logging.WARNING)
