"""The filter of the group monitor, as it stands in the address bar; pure.

Words are separated by spaces, and a telegram must fit all of them. A word may have several
alternatives with commas between: one of them must fit. A word that begins with `!` shuts out what fits.

| alternative | fits |
|---|---|
| `1/1/*`, `1/*`, `1/1/62` | group addresses |
| `1.1.*`, `from:1.1.30` | telegrams of these devices |
| `service:write`, `service:read`, `service:response` | what the telegram does |
| `security:refused`, `security:secure`, `security:plain` | what Data Secure made of it |
| `in`, `out` after `direction:` | received, or sent by this device |
| anything else, `"smart meter"` | text in name, address, source, value, raw or datapoint type |
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from knxgw.monitoring.telegrams import Service, TelegramLine

MOST_CHARACTERS = 400  # of a filter; what is longer is cut
CONTEXT_MS = 500
_WORD = re.compile(r'!?(?:[^\s",]*"[^"]*"?|[^\s",]+|,)+')
_PARTS = re.compile(r'(?:[^,"]|"[^"]*"?)+')
_GROUP = re.compile(r"(\d{1,5}|\*)(/(\d{1,4}|\*)){1,2}")
_DEVICE = re.compile(r"(\d{1,2}|\*)\.(\d{1,2}|\*)(\.(\d{1,3}|\*))?")
Test = Callable[[TelegramLine], bool]


def parse(text: str) -> Test:
    """Return the test that a filter stands for; an empty one fits everything. Raises nothing."""
    words = [_word(match.group()) for match in _WORD.finditer(text[:MOST_CHARACTERS])]
    tests = [one for one in words if one is not None]
    return lambda line: all(test(line) for test in tests)


def _word(text: str) -> Test | None:
    is_shutting_out = text.startswith("!")
    parts = _PARTS.findall(text[1:] if is_shutting_out else text)
    alternatives = [test for part in parts if (test := _alternative(part)) is not None]
    if not alternatives:
        return None
    if is_shutting_out:
        return lambda line: not any(test(line) for test in alternatives)
    return lambda line: any(test(line) for test in alternatives)


def _alternative(part: str) -> Test | None:
    key, colon, wanted = part.partition(":")
    if colon and '"' not in key and (test := _keyed(key.lower(), wanted.lower())) is not None:
        return test
    plain = part.replace('"', "").lower()
    if not plain:
        return None
    if '"' not in part:
        if _GROUP.fullmatch(part):
            return _on_address(part)
        if _DEVICE.fullmatch(part) and (part.count(".") == 2 or "*" in part):
            return _of_source(part)
    return lambda line: plain in _text(line)


def _keyed(key: str, wanted: str) -> Test | None:
    """Return the test of a word with a key; None: it is an ordinary word."""
    if key == "from" and _DEVICE.fullmatch(wanted):
        return _of_source(wanted)
    if key == "service" and wanted in set(Service):
        return lambda line: line.telegram.service == wanted
    if key == "security" and wanted in {"refused", "secure", "plain"}:
        return lambda line: _security(line) == wanted
    if key == "direction" and wanted in {"in", "out"}:
        return lambda line: line.telegram.is_sent is (wanted == "out")
    return None


def _security(line: TelegramLine) -> str:
    if line.telegram.is_refused:
        return "refused"
    return "secure" if line.telegram.is_secure else "plain"


def _on_address(pattern: str) -> Test:
    fits = _pattern(pattern, "/")
    return lambda line: fits.fullmatch(line.address) is not None


def _of_source(pattern: str) -> Test:
    fits = _pattern(pattern, ".")
    return lambda line: fits.fullmatch(line.source) is not None


def _pattern(text: str, separator: str) -> re.Pattern[str]:
    """Return what an address with stars stands for; a star at the end stands for all that follows."""
    parts = text.split(separator)
    numbers = [r"\d+" if part == "*" else str(int(part)) for part in parts]
    if parts[-1] == "*":
        numbers[-1] = r".+"
    return re.compile(re.escape(separator).join(numbers))


def _text(line: TelegramLine) -> str:
    meaning = line.meaning
    parts = (meaning.name, line.address, line.source, line.value, line.raw, meaning.dpt)
    return "\n".join(parts).lower()


def chosen(
    lines: Sequence[TelegramLine], test: Test, *, context_ms: int = 0
) -> tuple[TelegramLine, ...]:
    """Return the lines that fit, each with the time since the one before it.

    With `context_ms` those come along that were so near to one that fits, marked as such.
    """
    fitting = [place for place, line in enumerate(lines) if test(line)]
    wanted = set(fitting)
    if context_ms:
        for place in fitting:
            wanted.update(_neighbours(lines, place, context_ms, -1))
            wanted.update(_neighbours(lines, place, context_ms, 1))
    found: list[TelegramLine] = []
    fits = set(fitting)
    for place in sorted(wanted):
        line, before = lines[place], found[-1] if found else None
        delta_ms = None if before is None else _between_ms(before, line)
        found.append(replace(line, delta_ms=delta_ms, is_context=place not in fits))
    return tuple(found)


def chosen_since(
    earlier: Iterable[TelegramLine],
    lines: Sequence[TelegramLine],
    test: Test,
    *,
    context_ms: int = 0,
) -> tuple[TelegramLine, ...]:
    """Return what new lines add to what `chosen` has made of the earlier ones.

    `earlier` begins with the newest; no more of it is taken than is needed to know what stood near, and
    when the line before was.
    """
    if not lines:
        return ()
    before, others = [], iter(earlier)
    if context_ms:
        for line in others:
            before.append(line)
            if _between_ms(line, lines[0]) > context_ms:
                break
    if not any(test(line) for line in (*before, *lines)):
        return ()
    if not any(test(line) for line in before):
        for line in others:
            before.append(line)
            if test(line):
                break
    before.reverse()
    shown = {one.number for one in chosen(before, test, context_ms=context_ms)}
    found = chosen((*before, *lines), test, context_ms=context_ms)
    return tuple(one for one in found if one.number not in shown)


def _neighbours(lines: Sequence[TelegramLine], place: int, within_ms: int, step: int) -> list[int]:
    found, other = [], place + step
    while 0 <= other < len(lines) and abs(_between_ms(lines[place], lines[other])) <= within_ms:
        found.append(other)
        other += step
    return found


def _between_ms(one: TelegramLine, other: TelegramLine) -> int:
    return round((other.telegram.at - one.telegram.at).total_seconds() * 1000)
