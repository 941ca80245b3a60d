"""What a device model supplies, what it can be told and how it is connected, in words. Pure.

All of it follows from the model's file; `docs/chargers.md` and `docs/meters.md` are made from the same words.
What a model's file says in sentences has its German in `product_db/model_texts_de.yaml`. Source: website 63.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from knxgw.catalogue.control import Control, Watchdog, WatchdogTrigger, ZeroMeaning
from knxgw.catalogue.device_model import DeviceModel, Transformers
from knxgw.catalogue.model_texts import in_language
from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.product import Product
from knxgw.website.language import Language, marked

_ZERO: Mapping[ZeroMeaning, str] = {
    ZeroMeaning.PAUSES: marked("a setpoint of 0 A pauses; GO {setpoint} takes 0"),
    ZeroMeaning.FORBIDDEN: marked(
        "0 A cannot be set; the gateway pauses it by another register, GO {setpoint} = 0 gives the minimum"
    ),
    ZeroMeaning.UNLIMITED: marked(
        "0 A would mean no limit and is never written; the gateway pauses it by another register, GO {setpoint} = 0 gives the minimum"
    ),
}
_TRIGGERS: Mapping[WatchdogTrigger, str] = {
    WatchdogTrigger.NONE: marked("nothing has to be repeated"),
    WatchdogTrigger.ANY_REQUEST: marked("every request feeds it"),
    WatchdogTrigger.OFFER: marked("the gateway repeats the setpoint every {refresh} s"),
    WatchdogTrigger.STEPS: marked("the gateway feeds it every {refresh} s"),
}
_TRANSFORMERS: Mapping[Transformers, str] = {
    Transformers.NONE: marked("none: connected directly, or with its own sensors"),
    Transformers.APPLIED: marked("the ratio is set in the meter, which applies it"),
    Transformers.READ: marked("the ratio is set in the meter; the gateway reads and applies it"),
    Transformers.UNSURE: marked(
        "not known whether its registers include the ratio: give the ratio, 1 without transformers"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something to know about a model."""

    label: str
    texts: tuple[str, ...]
    is_english: bool = False  # on a page in another language
    is_first: bool = False  # an installer must know it before anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Everything there is to know about a model."""

    title: str
    path: str  # of its page
    facts: tuple[Fact, ...]  # what matters most first


def facts_of(model: DeviceModel, product: Product, words: Language) -> ModelFacts:
    """Return everything there is to know about a model."""
    facts = [
        _of_file(words.text("To set at the device"), model.setup, words, is_first=True),
        Fact(label=words.text("Register map"), texts=(_confirmed(model, words),), is_first=True),
        Fact(
            label=words.text("It reports (group objects of charging point 1)"),
            texts=_reported(model, product, words),
        ),
        Fact(label=words.text("It can be told"), texts=_commands(model, product, words)),
        Fact(label=words.text("Connection"), texts=connection_words(model, words)),
    ]
    if len(model.connectors) > 1:
        facts.append(Fact(label=words.text("Sockets"), texts=(_sockets(model, words),)))
    if model.control is None:
        texts = (transformer_words(model, words),)
        facts.append(Fact(label=words.text("Current transformers"), texts=texts))
    else:
        texts = (watchdog_words(model.watchdog, words),)
        facts.append(Fact(label=words.text("Watchdog"), texts=texts))
    facts += [
        _of_file(words.text("Peculiarities"), model.quirks, words),
        Fact(label=words.text("Also covers"), texts=model.variants, is_english=True),
        Fact(label=words.text("Sources"), texts=model.sources, is_english=True),
    ]
    return ModelFacts(
        title=model.title,
        path=f"/config/models/{model.kind}/{model.id}",
        facts=tuple(fact for fact in facts if fact.texts),
    )


def supplied(model: DeviceModel, objects: Iterable[ObjectDefinition]) -> list[ObjectDefinition]:
    """Return the group objects that depend on the model and that it supplies."""
    return [one for one in objects if one.needs in model.capabilities]


def modbus_words(model: DeviceModel, words: Language) -> list[str]:
    """Return how a model is addressed and which pace it needs."""
    said = [
        words.text("port {number}", number=model.port),
        words.text("unit {number}", number=model.unit_id),
    ]
    if model.max_clients is not None:
        said.append(words.text("at most {number} clients", number=model.max_clients))
    paces = (
        (model.idle_timeout_s, marked("closes after {seconds} s of silence")),
        (model.connection_s, marked("ends every connection after {seconds} s")),
        (model.request_gap_s, marked("{seconds} s between requests")),
        (model.read.min_interval_s, marked("one read every {seconds} s")),
        (model.write.min_interval_s, marked("one write every {seconds} s")),
    )
    said += [words.text(text, seconds=_figure(value, words)) for value, text in paces if value]
    return said


def connection_words(model: DeviceModel, words: Language) -> tuple[str, ...]:
    """Return the transports of a model with what they need, and the line settings at delivery."""
    transports = ", ".join(transport.value.upper() for transport in model.transports)
    said = [f"Modbus {transports}: {', '.join(modbus_words(model, words))}"]
    if model.serial is not None:
        said.append(words.text("RS485 at delivery: {settings}", settings=model.serial))
    return tuple(said)


def control_words(control: Control, product: Product, words: Language) -> str:
    """Return in which range the current of a charger is set, and what 0 A does."""
    low, high, step = (
        _figure(one / 1000, words)
        for one in (control.minimum_ma, control.maximum_ma, control.resolution_ma)
    )
    text = words.text("{low} to {high} A in steps of {step} A", low=low, high=high, step=step)
    if control.is_power:
        text = words.text("set as a power, {range}", range=text)
    zero = words.text(_ZERO[control.zero], setpoint=product.number_of("setpoint"))
    return f"{text}; {zero}"


def watchdog_words(watchdog: Watchdog | None, words: Language) -> str:
    """Return what a charger does when the gateway fails."""
    if watchdog is None:
        return words.text("none known: the charger keeps its last setpoint when the gateway fails")
    feeding = words.text(_TRIGGERS[watchdog.trigger], refresh=_figure(watchdog.refresh_s, words))
    return words.text(
        "{seconds} s; {feeding}. It falls back to: {fallback}",
        seconds=_figure(watchdog.timeout_s, words),
        feeding=feeding,
        fallback=in_language(watchdog.fallback, words.code) or watchdog.fallback,
    )


def transformer_words(model: DeviceModel, words: Language) -> str:
    """Return where the ratio of transformers is applied."""
    return words.text(_TRANSFORMERS[model.transformers])


def _of_file(
    label: str, texts: tuple[str, ...], words: Language, *, is_first: bool = False
) -> Fact:
    """Return sentences of a model's file in the language of the page; in English if one has no other."""
    translated = [in_language(text, words.code) for text in texts]
    known = tuple(text for text in translated if text is not None)
    is_known = len(known) == len(texts)
    return Fact(
        label=label,
        texts=known if is_known else texts,
        is_english=not is_known,
        is_first=is_first,
    )


def _confirmed(model: DeviceModel, words: Language) -> str:
    if model.is_confirmed:
        return words.text("two independent sources agree on it")
    return words.text(
        "only one source says so: compare the first values with the display of the device"
    )


def _reported(model: DeviceModel, product: Product, words: Language) -> tuple[str, ...]:
    names = (
        f"{one.function.in_language(words.code)} ({one.number})"
        for one in supplied(model, product.objects)
    )
    return tuple(names) or (words.text("none"),)


def _commands(model: DeviceModel, product: Product, words: Language) -> tuple[str, ...]:
    control = model.control
    if control is None:
        return ()
    said = [
        words.text("Setpoint: {range}", range=control_words(control, product, words)),
        words.text("Interruption: it pauses and goes on"),
    ]
    if control.has_start_stop:
        said.append(words.text("Start and stop: it can wait for a start"))
    if control.unlock:
        said.append(words.text("Unlock the cable"))
    said.append(words.text("Number of phases: the gateway does not switch it"))
    return tuple(said)


def _sockets(model: DeviceModel, words: Language) -> str:
    return words.text(
        "{count} sockets, each a charging point of its own with its number as connector",
        count=len(model.connectors),
    )


def _figure(value: float, words: Language) -> str:
    """Return a number with as many decimals as it has."""
    return f"{value:g}".replace(".", words.number(0.5, 1)[1])
