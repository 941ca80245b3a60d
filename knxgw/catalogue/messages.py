"""What is said about a configuration: a message id with arguments, in every language of the product.

The texts are data: `product_db/messages.yaml`. They are read when something is said, which a good
configuration never needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import yaml

from knxgw.catalogue.directory import product_db
from knxgw.catalogue.text import GERMAN, Text
from knxgw.catalogue.yaml_loader import Loader
from knxgw.errors import Place

_AND = {"and": {"en": " and ", "de": " und "}, "or": {"en": " or ", "de": " oder "}}


@dataclass(frozen=True, slots=True)
class Listed:
    """Several arguments in one place: "a, b", "a and b", "a or b"."""

    items: "tuple[Argument, ...]"
    joined: str = ","  # or: and, or


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to say; `instead` stands in the place of its remedy."""

    id: str
    arguments: "Mapping[str, Argument]"
    instead: "Message | Text | None" = None

    def problem(self, language: str = "en", *, in_file: bool = False) -> str:
        """Return the text; `in_file`: about a file, which has keys and lines."""
        return self._text("", language, in_file=in_file)

    def remedy(self, language: str = "en", *, in_file: bool = False) -> str:
        """Return what to do about it; empty: there is no advice."""
        if self.instead is not None:
            return said(self.instead, language, in_file=in_file)
        return self._text("remedy_", language, in_file=in_file)

    @property
    def as_text(self) -> Text:
        """Return the text for those who read no file: on the website, in ETS."""
        return Text(en=self.problem("en"), de=self.problem("de"))

    def __str__(self) -> str:
        return self.problem()

    def _text(self, part: str, language: str, *, in_file: bool) -> str:
        """Return the text of the message, or of its remedy, with its arguments filled in."""
        texts = message_texts()[self.id]
        text = texts.get(f"{part}{language}", "")
        if in_file:
            text = texts.get(f"{part}file_{language}", text)
        return text.format_map(
            {
                name: one if _is_place(one) else said(one, language, in_file=in_file)
                for name, one in self.arguments.items()
            }
        )


Argument = str | int | float | Text | Message | Listed | Place


def message(
    id: str,  # noqa: A002 - it is one
    /,
    *,
    remedy: "Message | Text | None" = None,
    **arguments: Argument,
) -> Message:
    """Return a message; `remedy` replaces its own."""
    return Message(id, arguments, remedy)


def said(argument: Argument, language: str, *, in_file: bool) -> str:
    """Return an argument as a text of one language."""
    match argument:
        case Message():
            return argument.problem(language, in_file=in_file)
        case Text():
            return argument.in_language(language)
        case Listed():
            between = _AND.get(argument.joined, {}).get(language, ", ")
            return between.join(said(one, language, in_file=in_file) for one in argument.items)
        case float():
            number = f"{argument:.12g}"
            has_comma = language == GERMAN and not in_file  # a file has points in any language
            return number.replace(".", ",") if has_comma else number
        case _:
            return str(argument)


@cache
def message_texts() -> Mapping[str, Mapping[str, str]]:
    """Return the texts of every message by its id, as the file has them."""
    file = product_db() / "messages.yaml"
    text = file.read_text(encoding="utf-8")
    texts: Mapping[str, Mapping[str, str]] = yaml.load(text, Loader=Loader)  # noqa: S506 - it is a safe one
    return texts


def _is_place(argument: Argument) -> bool:
    """Tell whether a text takes something of it, such as its line."""
    return isinstance(argument, Place)
