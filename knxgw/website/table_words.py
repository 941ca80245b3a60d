"""The words of tables that a download has: headings, and cells that are codes. Pure."""

from collections.abc import Callable

from knxgw.website.language import Language, marked

_WORDS = (
    # group telegrams
    marked("Time"), marked("Direction"), marked("Source"), marked("Address"), marked("Name"),
    marked("Service"), "DPT", marked("Value"), marked("Raw"), marked("Priority"),
    marked("Security"), marked("in"), marked("out"), marked("read"), marked("write"),
    marked("response"), marked("sealed"), marked("refused"), marked("secure"),
    # Modbus requests
    marked("Bus"), marked("Device"), marked("Function"), marked("Unit"), marked("Table"),
    marked("Register"), "ms", marked("Error"),
    # group objects
    marked("Number"), marked("Charging point"), marked("Flags"), marked("Addresses"),
    marked("Changed"), marked("Sender"), marked("Received"), marked("Sent"), marked("Wrong"),
    marked("Missing because"),
)  # fmt: skip


def table_words(words: Language) -> Callable[[str], str]:
    """Return what puts a word of a table into a language; a word that is not known stays as it is."""
    return lambda text: words.text(text) if text in _WORDS else text
