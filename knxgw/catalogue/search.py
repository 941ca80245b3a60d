"""Finds device models by the words people use for them: maker, product, variant, or model id."""

import re
from collections.abc import Iterable, Sequence

from knxgw.catalogue.device_model import DeviceModel

_WORD = re.compile(r"[a-z0-9]+")
LEAST_SHARE = 0.5  # a proposed model explains more than this of the letters of a product's name


def having_words(models: Iterable[DeviceModel], words: Sequence[str]) -> tuple[DeviceModel, ...]:
    """Return the models in whose names every word begins, in any spelling: `goe`, `go-e`, `Go E`."""
    wanted = ["".join(_WORD.findall(word.casefold())) for word in words]
    return tuple(model for model in models if all(_has_word(word, model) for word in wanted))


def closest_models(
    models: Iterable[DeviceModel], name: str, count: int = 3
) -> tuple[DeviceModel, ...]:
    """Return the models that a product's name most likely means, the best first; perhaps none."""
    words = list(dict.fromkeys(_WORD.findall(name.casefold())))
    letters = [(sum(len(w) for w in words if _has_word(w, model)), model) for model in models]
    most = max((explained for explained, _ in letters), default=0)
    if most <= LEAST_SHARE * sum(map(len, words)):
        return ()
    return tuple(model for explained, model in letters if explained == most)[:count]


def _has_word(word: str, model: DeviceModel) -> bool:
    """Tell whether `word` stands at the beginning of a word of a model's names, or of several."""
    words = _WORD.findall(names_of(model).casefold())
    return any("".join(words[i:]).startswith(word) for i in range(len(words)))


def names_of(model: DeviceModel) -> str:
    """Return all by which people name a model."""
    return " ".join((model.id, model.manufacturer, model.model, *model.variants))
