"""Takes the bouncing of a contact away, where the kernel cannot: looks at its level again and again. Pure."""

from dataclasses import dataclass, replace

# A push button bounces for 1 to 10 ms, a worn one for 20. A person presses for 100 ms at least.
DEBOUNCE_S = 0.03
LOOK_S = 0.01  # how often a contact is looked at that does not report its changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Debounced:
    """A contact without its bouncing."""

    is_pressed: bool
    differs_since: float | None = None  # [monotonic s], None: it is as it was taken


def look(contact: Debounced, *, is_pressed: bool, now_s: float) -> Debounced:
    """Return the contact after a look: a change counts once it has lasted for `DEBOUNCE_S`."""
    if is_pressed == contact.is_pressed:
        return replace(contact, differs_since=None)
    if contact.differs_since is None:
        return replace(contact, differs_since=now_s)
    if now_s - contact.differs_since < DEBOUNCE_S:
        return contact
    return Debounced(is_pressed=is_pressed)
