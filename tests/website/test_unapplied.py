"""What was begun on the website, kept as plain data and taken again."""

import json
from typing import Any

import pytest

from knxgw.website.drafts import Draft, Typing
from knxgw.website.unapplied import Unapplied
from knxgw.website.wizard import Mark, Step


def test_drafts_and_steps_come_back_as_they_were() -> None:
    begun = Unapplied()
    typing = Typing(page="a page", turn=3, base="")
    begun.drafts.keep("owner", Draft(text="device: {}\n", based_on="1", typing=typing))
    begun.wizards.mark("owner", Step.DEVICE, Mark.DONE)
    begun.wizards.mark("guest", Step.FIND, Mark.SKIPPED)
    found = Unapplied(json.loads(json.dumps(begun.told())))
    draft = found.drafts.of("owner")
    assert draft == Draft(text="device: {}\n", based_on="1"), "the open page is gone"
    assert found.wizards.of("owner").next_step is Step.FIND
    assert found.wizards.of("guest").marks == {Step.FIND: Mark.SKIPPED}
    assert Unapplied().told() == {}


@pytest.mark.parametrize(
    "kept",
    [
        {"owner": 1},
        {"owner": {"text": 1, "based_on": "1"}},
        {"owner": {"text": "a"}},
        {"owner": {"marks": {"nowhere": "done", "device": "perhaps"}}},
        {"owner": {"marks": []}},
    ],
)
def test_what_cannot_be_understood_is_left_out(kept: dict[str, Any]) -> None:
    found = Unapplied(kept)
    assert found.drafts.of("owner") is None
    assert found.wizards.of("owner").marks == {}
