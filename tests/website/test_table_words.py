"""Downloads have headings and codes in the language of the page."""

import pytest

from knxgw.monitoring import objects, requests, telegram_export
from knxgw.monitoring.telegrams import Service
from knxgw.website.language import Language
from knxgw.website.table_words import table_words

KEPT = {"Bus", "DPT", "Flags", "Name", "Register", "Unit", "ms"}  # the same in German


@pytest.mark.proves("W55")
def test_every_heading_and_code_of_a_download_is_translated() -> None:
    word = table_words(Language("de"))
    found = {
        *objects.HEADINGS, *requests.HEADINGS, *telegram_export.HEADINGS,
        *(one.value for one in Service), "in", "out", "refused", "secure",
    }  # fmt: skip
    assert {one for one in found if word(one) == one} == KEPT
    assert word("a name of the site") == "a name of the site"
