"""What the model files say in sentences, in German. A text without a translation stays as it is."""

from collections.abc import Mapping
from functools import cache

from knxgw.catalogue.directory import product_db
from knxgw.catalogue.yaml_tree import read_tree
from knxgw.errors import Problems

FILE = "model_texts_de.yaml"


@cache
def german_model_texts() -> Mapping[str, str]:
    """Return the German of each text, by the English one. Raises: ConfigError with every mistake."""
    problems = Problems()
    root = read_tree(product_db() / FILE, problems)
    found = {} if root is None else {text: one.text() for text, one in root.mapping().items()}
    problems.raise_if_errors()
    return found


def in_language(text: str, language: str) -> str | None:
    """Return a text of a model file in a language ("en", "de"); None: there is only the English one."""
    return text if language == "en" else german_model_texts().get(text)
