"""The flags of a group object, written as ETS shows them."""

from itertools import product

from knxgw.catalogue.flags import Flags


def test_flags_read_from_a_text_are_written_as_that_text() -> None:
    for letters in product(*(f"{letter}-" for letter in "CRWTUI")):
        text = "".join(letters)
        assert str(Flags.parse(text)) == text
