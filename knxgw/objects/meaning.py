"""What a payload on the bus means to people: value, unit, name of the object it is for."""

from xknx.dpt import DPTArray, DPTBinary

from knxgw.catalogue.object_keys import RFID
from knxgw.errors import DecodeError
from knxgw.monitoring.telegrams import Meaning
from knxgw.monitoring.telegrams import Payload as RawPayload
from knxgw.objects.codec import Payload, decode_for_people
from knxgw.objects.table import GroupObject

SHOWN_OF_A_CARD = 4  # characters
NO_MEANING = Meaning()


def payload_of(raw: RawPayload) -> Payload | None:
    """Return xknx's payload of what was noted of a telegram; None: it carries no value."""
    if raw is None:
        return None
    return DPTBinary(raw) if isinstance(raw, int) else DPTArray(raw)


def meaning_of(one: GroupObject | None, raw: RawPayload) -> Meaning:
    """Return what a payload means that is meant for a group object, None: for none of ours.

    The value of a payload that is not of the object's datapoint type is left out: the raw one says it.
    Whatever is on the address of a card is hidden, also what cannot be decoded.
    """
    if one is None:
        return NO_MEANING
    name, dpt, payload = one.name, one.dpt or "", payload_of(raw)
    is_hidden = one.key == RFID
    number, text, unit = None, "", ""
    if payload is not None:
        try:
            value, unit = decode_for_people(one.dpt, payload)
        except DecodeError:
            pass
        else:
            number = value if isinstance(value, float) else None
            text = value if isinstance(value, str) else ""
    if is_hidden:
        text = card_shown(text)
    words = one.words.get(int(number)) if one.words and number is not None else None
    return Meaning(
        name=name, dpt=dpt, number=number, unit=unit, text=text, words=words, is_hidden=is_hidden
    )


def card_shown(card: str) -> str:
    """Return what may be shown of a card: its last characters."""
    return f"…{card[-SHOWN_OF_A_CARD:]}" if len(card) > SHOWN_OF_A_CARD else ""
