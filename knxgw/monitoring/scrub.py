"""Takes secrets out of texts before anybody can read them: known ones, and what looks like one. Pure.

It is the last line: nothing that writes a log line or a page is meant to pass a secret on. Of a card the last four
characters stay, so that its owner can tell which one it was.
"""

import re
from collections import OrderedDict

HIDDEN = "****"
SHORTEST = 4  # characters: a shorter secret is part of ordinary words
MOST_LEARNT = 200  # secrets; the oldest gives way
SHOWN_OF_A_CARD = 4
_SIGNS = r"""[^\s"',;}\])>]"""  # that may stand in a value
_WORDS = (
    "authorization|proxy-authorization|cookie|set-cookie|x-csrf-token|csrf|password|passwd|passwort|kennwort|"
    "passphrase|secret|token|api[_-]?key|tool[_-]?key|group[_-]?key|backbone[_-]?key|fdsk|pin|serial[_-]?key|key"
)
_PATTERNS = (
    # header lines: all that follows
    (
        re.compile(r"(?im)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*[:=]\s*)[^\r\n]+"),
        r"\1\2" + HIDDEN,
    ),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s+[a-z0-9._~+/=-]{8,}"), r"\1 " + HIDDEN),
    # name: value, name=value, "name": "value"; `key: modbus.host` names a key and is none
    (
        re.compile(
            rf"""(?i)(?<![a-z0-9.])((?:[a-z]+[_-])*(?:{_WORDS}))(["']?\s*[:=]\s*["']?)({_SIGNS}{{4,}})"""
        ),
        r"\1\2" + HIDDEN,
    ),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@]+@"), r"\1" + HIDDEN + "@"),
    (re.compile(r"\$argon2[a-z]*\$\S+"), HIDDEN),
    # keys of 16 bytes as hexadecimal or base64, and the factory key as it is printed on a device
    (re.compile(r"(?i)(?<![0-9a-f])(?:[0-9a-f]{2}[ :-]?){15}[0-9a-f]{2}(?![0-9a-f])"), HIDDEN),
    (re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{22}=="), HIDDEN),
    (re.compile(r"\b[A-Z2-7]{6}(?:-[A-Z2-7]{6}){5}\b"), HIDDEN),
)


class Scrubber:
    """Knows some secrets and what others look like; safe from any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[re.Pattern[str], str]] = OrderedDict()

    def learn(self, secret: str | None) -> None:
        """Hide a secret from now on, wherever it stands."""
        if secret and len(secret) >= SHORTEST:
            self._add(secret, re.compile(re.escape(secret)), HIDDEN)

    def learn_secret(self, secret: str | bytes) -> None:
        """Hide a password or a key from now on."""
        if isinstance(secret, str):
            self.learn(secret)
        else:
            self.learn_key(secret)

    def learn_key(self, key: bytes) -> None:
        """Hide a key, however its bytes are written."""
        if len(key) >= SHORTEST:
            self._add(key.hex(), _bytes_pattern(key), HIDDEN)

    def learn_card(self, card: str) -> None:
        """Hide a card but for its end: as a text, and as its bytes on a bus."""
        if len(card) <= SHOWN_OF_A_CARD:
            return
        shown = f"…{card[-SHOWN_OF_A_CARD:]}"
        self._add(card, re.compile(re.escape(card), re.IGNORECASE), shown)
        data = card.encode("latin-1", errors="replace")
        self._add(f"bytes of {card}", _bytes_pattern(data), shown)

    def _add(self, name: str, pattern: re.Pattern[str], shown: str) -> None:
        known = self._known.copy()  # readers in other threads keep theirs
        known[name] = pattern, shown
        known.move_to_end(name)
        while len(known) > MOST_LEARNT:
            known.popitem(last=False)
        self._known = known

    def scrub(self, text: str) -> str:
        """Return a text without secrets."""
        for pattern, shown in self._known.values():
            text = pattern.sub(lambda _match, shown=shown: shown, text)  # type: ignore[misc]  # a default binds it
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def finds(self, text: str) -> bool:
        """Tell whether a text holds something that would be hidden."""
        return self.scrub(text) != text


def _bytes_pattern(data: bytes) -> re.Pattern[str]:
    """Return what finds bytes in hexadecimal, with or without 0x, spaces, commas or colons between."""
    return re.compile(r"[\s,:-]*".join(f"(?:0x)?{byte:02x}" for byte in data), re.IGNORECASE)
