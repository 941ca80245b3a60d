"""Small readers of one key of a located node, for files that are data of the product."""

from knxgw.catalogue.yaml_tree import Node


def text_of(node: Node, name: str) -> str:
    """Return a text; report it if it is missing."""
    child = node.require(name)
    return child.text() if child else ""


def texts_of(node: Node, name: str) -> tuple[str, ...]:
    """Return a list of texts, empty when it is missing."""
    child = node.get(name)
    return tuple(item.text() for item in child.items()) if child else ()


def choice_of(node: Node, name: str, words: tuple[str, ...], default: str) -> str:
    """Return one of `words`; another one is reported, and the default stands in."""
    child = node.get(name)
    return (child.choice(words) if child else None) or default


def flag_of(node: Node, name: str) -> bool:
    """Return a truth value, False when it is missing."""
    child = node.get(name)
    return bool(child and child.boolean())


def number_of(node: Node, name: str, default: float, *, low: float | None = None) -> float:
    """Return a number; one below `low` is reported, and the default stands in."""
    value = optional_number(node, name, low=low)
    return default if value is None else value


def optional_number(node: Node, name: str, *, low: float | None = None) -> float | None:
    """Return a number, not below `low`; None when it is missing."""
    child = node.get(name)
    return child.number(low) if child else None


def optional_int(node: Node, name: str) -> int | None:
    """Return a whole number of 0 or more, None when it is missing."""
    child = node.get(name)
    return child.integer(0) if child else None
