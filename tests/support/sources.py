"""What a docstring or comment names as its source, and whether it leads anywhere.

`Source: load-management 9.2, 9.4; [reference-manual] 10.3, table 23.` has two parts. A part is a rule
of `docs/rules/`, or a key of `docs/sources.md` and a place in that document. `docs/sources.md` explains
the form.
"""

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator

PREFIXES = {
    "product": "product",
    "load-management": "lm",
    "operation": "operation",
    "website": "website",
}
_NUMBER = r"(?:\d+(?:\.\d+)*[a-z]?|S\d+[a-z]?)"
_NUMBERS = rf"{_NUMBER}(?: \([^)]*\))?(?:(?:,| to) {_NUMBER}(?: \([^)]*\))?)*"
_RULES = re.compile(rf"({'|'.join(PREFIXES)}) ({_NUMBERS})")
_DOCUMENT = re.compile(r"\[([\w-]+)\](?: .+)?")
_STATEMENT = re.compile(r"Sources?:\s+(.*?)(?:\.(?=\s|$)|$)")


def texts(code: str) -> Iterator[str]:
    """Give every docstring and every run of comments of a module, each as one line."""
    expressions = (node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Expr))
    constants = (one.value for one in expressions if isinstance(one, ast.Constant))
    yield from (" ".join(text.split()) for text in constants if isinstance(text, str))
    yield from _comments(code)


def _comments(code: str) -> Iterator[str]:
    """Give the comments; what stands on lines of its own below one another is one."""
    run: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            alone = token.line.lstrip().startswith("#")
            if not alone:
                yield from _joined(run)
                run = []
            run.append(token.string.lstrip("# "))
        elif token.type not in (tokenize.NL, tokenize.NEWLINE):
            yield from _joined(run)
            run = []
    yield from _joined(run)


def _joined(run: list[str]) -> Iterator[str]:
    if run:
        yield " ".join(" ".join(run).split())


def statements(text: str) -> list[str]:
    """Return what a text names as sources."""
    return _STATEMENT.findall(text)


def rules(text: str) -> Iterator[str]:
    """Give the anchor of every rule that a text refers to."""
    for document, numbers in _RULES.findall(text):
        for number in re.findall(_NUMBER, re.sub(r"\([^)]*\)", "", numbers)):
            yield f"{PREFIXES[document]}-{number.replace('.', '-').lower()}"


def mistakes(statement: str, anchors: Collection[str], keys: Collection[str]) -> list[str]:
    """Return the parts of a statement that lead nowhere."""
    return [part for part in statement.split("; ") if not _leads(part, anchors, keys)]


def _leads(part: str, anchors: Collection[str], keys: Collection[str]) -> bool:
    if document := _DOCUMENT.fullmatch(part):
        return document[1] in keys
    return bool(_RULES.fullmatch(part)) and set(rules(part)) <= set(anchors)
