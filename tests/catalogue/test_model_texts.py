"""Sentences of the model files: each has its German, with the same numbers."""

import re

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.model_texts import german_model_texts, in_language


def sentences() -> set[str]:
    """Return what every model file says in sentences."""
    models = catalogue().models
    fallbacks = {one.watchdog.fallback for one in models if one.watchdog is not None}
    return fallbacks.union(*(one.setup for one in models), *(one.quirks for one in models)) - {""}


def test_every_sentence_of_a_model_has_its_german_and_no_german_is_left_over() -> None:
    assert set(german_model_texts()) == sentences()
    assert all(text.strip() for text in german_model_texts().values())


def test_a_translation_has_the_numbers_of_its_original() -> None:
    def numbers(text: str) -> list[str]:
        return sorted(re.findall(r"\d+", text))

    others = {
        english: german
        for english, german in german_model_texts().items()
        if numbers(english) != numbers(german)
    }
    assert others == {}


def test_a_model_of_ones_own_is_shown_in_english() -> None:
    assert in_language("turn the key", "de") is None
    assert in_language("turn the key", "en") == "turn the key"
