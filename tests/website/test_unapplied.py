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
    found = Unapplied(json.loads(json.dumps(begun.as_json())))
    draft = found.drafts.of("owner")
    assert draft == Draft(text="device: {}\n", based_on="1"), "the open page is gone"
    assert found.wizards.of("owner").next_step is Step.FIND
    assert found.wizards.of("guest").marks == {Step.FIND: Mark.SKIPPED}
    assert Unapplied().as_json() == {}


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


TAKEN_BACK = Draft(text="device: {}\n", based_on="1", was_taken_back=True)


def test_what_was_taken_back_is_the_draft_again_and_the_last_step_is_to_be_done_again() -> None:
    begun = Unapplied()
    for step in Step:
        begun.wizards.mark("owner", step, Mark.DONE)
    begun.give_back("owner", TAKEN_BACK)
    found = Unapplied(json.loads(json.dumps(begun.as_json())))
    assert found.drafts.of("owner") == TAKEN_BACK
    assert found.wizards.of("owner").next_step is Step.APPLY
    assert Step.CHECK in found.wizards.of("owner").marks
    begun.give_back("guest", TAKEN_BACK)
    assert begun.wizards.of("guest").marks == {}


def test_what_somebody_has_begun_meanwhile_comes_before_what_was_taken_back() -> None:
    begun, other = Unapplied(), Draft(text="device: {name: Other}\n", based_on="2")
    begun.drafts.keep("owner", other)
    begun.give_back("owner", TAKEN_BACK)
    assert begun.drafts.of("owner") == other
