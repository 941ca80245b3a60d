"""Frequent questions and their answers; English is the key of the translations.

Source: [reference-manual] 11.4.
"""

from typing import NamedTuple

from knxgw.website.language import marked


class Question(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


QUESTIONS = (
    Question(
        marked("How do I find the IP address of the device?"),
        marked(
            "On the Status page, under Device. Without the page: in the list of your router, or in ETS, "
            "which shows the device under its name."
        ),
    ),
    Question(
        marked("Why does a charging point not react?"),
        marked(
            "Look at the banner of the Status page first: a fault says its cause and what helps. Without a "
            "fault, the sentence on the card of the charging point says what holds it back; its page lists "
            "everything that limits it."
        ),
    ),
    Question(
        marked("Why does a vehicle charge so slowly?"),
        marked(
            'The card says what limits the current. "Fuse and reserve" means that the building uses the '
            'rest; "the vehicle draws no more" means that the vehicle itself decides. A session that has '
            "just begun is raised step by step."
        ),
    ),
    Question(
        marked("Why is a group object missing?"),
        marked(
            "Some objects exist only where the charger or its meter supplies the value, or with or without "
            "load management. Diagnostics, Objects, lists the missing ones with the reason."
        ),
    ),
    Question(
        marked('Why is "Conf NoCharger" shown?'),
        marked(
            "No charging point has both a model and an address. Complete at least one in the configuration."
        ),
    ),
    Question(
        marked("Why does everybody charge at the minimum?"),
        marked(
            "The smart meter is silent or measures something wrong, or the device has just started and does "
            "not know the mains connection yet. The banner says which."
        ),
    ),
    Question(
        marked("Can chargers on the network and on RS485 be mixed?"),
        marked("Yes. On the RS485 line all chargers must be of one model."),
    ),
    Question(
        marked("Can the measured values be used for billing?"),
        marked("No. Use a calibrated meter for that."),
    ),
)
_LOST = marked("I have lost the password. What now?")
_BY_COMMAND = Question(
    _LOST,
    marked(
        "On the console of the device, knxgw password --reset lets the owner log in with the Initial "
        "Device Password once more, to choose a new one. Charging goes on."
    ),
)
_BY_BUTTON = Question(
    _LOST,
    marked(
        "Hold the programming button for 10 to 20 seconds, until its LED flashes rapidly, and release it: "
        "for 10 minutes the owner logs in with the Initial Device Password, to choose a new one. On the "
        "console, knxgw password --reset does the same. Charging goes on."
    ),
)


def questions(has_button: bool) -> tuple[Question, ...]:  # noqa: FBT001 - there is one, or not
    """Return the questions of a device; `has_button`: a real programming button can be pressed."""
    return (*QUESTIONS, _BY_BUTTON if has_button else _BY_COMMAND)
