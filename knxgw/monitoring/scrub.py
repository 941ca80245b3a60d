"""Takes secrets out of texts before anybody can read them: known ones, and what looks like one. Pure.

It is the last line: nothing that writes a log line or a page is meant to pass a secret on. Of a card the last four
characters stay, so that its owner can tell which one it was.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

HIDDEN = "****"
SHORTEST = 4  # characters: a shorter secret is part of ordinary words
MOST_LEARNT = 200  # secrets, and as many cards; the oldest gives way
SHOWN_OF_A_CARD = 4
_SIGNS = r"""[^\s"',;}\])>]"""  # that may stand in a value
_WORDS = (
    "authorization", "cookie", "csrf-token", "csrf", "password", "passwd", "passwort", "kennwort",
    "passphrase", "secret", "token", "fdsk", "pin", "key",
)  # fmt: skip
_HEX = "[0-9a-fA-F]{2}"
_SEPARATORS = dict.fromkeys(map(ord, " ,:-\t[]"))
# A pattern is looked for only where one of its signs stands in the text, in lower case: that is much quicker.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (  # header lines: all that follows
        ("authorization", "cookie"),
        re.compile(r"(?im)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*[:=]\s*)[^\r\n]+"),
        r"\1\2" + HIDDEN,
    ),
    (
        ("bearer ", "basic ", "digest "),
        re.compile(r"(?i)\b(bearer|basic|digest)\s+[a-z0-9._~+/=-]{8,}"),
        r"\1 " + HIDDEN,
    ),
    (  # name: value, name=value, "name": "value"; `key: modbus.host` names a key and is none
        _WORDS,
        re.compile(
            rf"""(?i)(?<![a-z0-9.])((?:[a-z]{{1,20}}[_-]){{0,3}}(?:{"|".join(_WORDS)}))"""
            rf"""(["']?\s*[:=]\s*["']?)({_SIGNS}{{4,}})"""
        ),
        r"\1\2" + HIDDEN,
    ),
    (("://",), re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^/\s@]+@"), r"\1" + HIDDEN + "@"),
    (("$argon2",), re.compile(r"\$argon2[a-z]*\$\S+"), HIDDEN),
    (  # keys of 16 bytes, as hexadecimal and as base64
        tuple("abcdef0123456789"),
        re.compile(rf"(?<![0-9a-fA-F])(?:{_HEX}[ :-]?){{15}}{_HEX}(?![0-9a-fA-F])"),
        HIDDEN,
    ),
    (("==",), re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{22}=="), HIDDEN),
    # the factory key as it is printed on a device
    (("-",), re.compile(r"\b[A-Z2-7]{6}(?:-[A-Z2-7]{6}){5}\b"), HIDDEN),
)


class _Known(NamedTuple):
    """A secret that is known, in the forms it may have in a text."""

    text: str  # lower case; "": it is no text
    digits: str  # its bytes in hexadecimal, lower case; "": they are not looked for
    patterns: tuple[re.Pattern[str], ...]
    shown: str


class Scrubber:
    """Knows some secrets and what others look like; safe from any thread."""

    def __init__(self) -> None:
        self._secrets: Mapping[str, _Known] = {}
        self._cards: Mapping[str, _Known] = {}  # apart: many cards must not push a secret out

    def learn(self, secret: str | None) -> None:
        """Hide a secret from now on, wherever it stands."""
        if secret and len(secret) >= SHORTEST:
            pattern = re.compile(re.escape(secret))
            known = _Known(secret.lower(), "", (pattern,), HIDDEN)
            self._secrets = _with(self._secrets, secret, known)

    def learn_made(self, password: str | None) -> None:
        """Hide a password that was made here from now on, also typed with other separators."""
        groups = [re.escape(one) for one in (password or "").split("-")]
        if password and len(password) >= SHORTEST:
            pattern = re.compile(r"[ -]?".join(groups), re.IGNORECASE)
            known = _Known(groups[0].lower(), "", (pattern,), HIDDEN)
            self._secrets = _with(self._secrets, password, known)

    def learn_secret(self, secret: str | bytes) -> None:
        """Hide a password or a key from now on."""
        if isinstance(secret, str):
            self.learn(secret)
        else:
            self.learn_key(secret)

    def learn_key(self, key: bytes) -> None:
        """Hide a key, however its bytes are written."""
        if len(key) >= SHORTEST:
            known = _Known("", key.hex(), (_bytes_pattern(key),), HIDDEN)
            self._secrets = _with(self._secrets, key.hex(), known)

    def learn_card(self, card: str) -> None:
        """Hide a card but for its end: as a text, and as its bytes on a bus."""
        if len(card) <= SHOWN_OF_A_CARD:
            return
        data = card.encode("latin-1", errors="replace")
        patterns = (re.compile(re.escape(card), re.IGNORECASE), _bytes_pattern(data))
        shown = f"…{card[-SHOWN_OF_A_CARD:]}"
        known = _Known(card.lower(), data.hex(), patterns, shown)
        self._cards = _with(self._cards, card, known)

    def scrub(self, text: str) -> str:
        """Return a text without secrets."""
        lower = text.lower()
        digits = lower.replace("0x", "").translate(_SEPARATORS)
        for known in (*self._secrets.values(), *self._cards.values()):
            if (known.text and known.text in lower) or (known.digits and known.digits in digits):
                for pattern in known.patterns:
                    text = pattern.sub(lambda _match, shown=known.shown: shown, text)  # type: ignore[misc]  # a default binds it
        for signs, pattern, replacement in _PATTERNS:
            if any(sign in lower for sign in signs):
                text = pattern.sub(replacement, text)
        return text

    def finds(self, text: str) -> bool:
        """Tell whether a text holds something that would be hidden."""
        return self.scrub(text) != text


def _with(of: Mapping[str, _Known], name: str, secret: _Known) -> Mapping[str, _Known]:
    """Return the secrets with one more as the newest; readers in other threads keep theirs."""
    others = [(key, one) for key, one in of.items() if key != name]
    return dict([*others, (name, secret)][-MOST_LEARNT:])


def _bytes_pattern(data: bytes) -> re.Pattern[str]:
    """Return what finds bytes in hexadecimal, with or without 0x, spaces, commas or colons between."""
    return re.compile(r"[\s,:-]*".join(f"(?:0x)?{byte:02x}" for byte in data), re.IGNORECASE)
