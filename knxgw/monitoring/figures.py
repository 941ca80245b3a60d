"""Numbers as people of a language write them; pure."""

from decimal import ROUND_HALF_EVEN, Decimal

GERMAN = "de"
DIGITS = 3  # behind the decimal point, at most


def number_text(number: float | Decimal, language: str, digits: int = DIGITS) -> str:
    """Return a number without superfluous zeros; "nan" and "inf" stay as they are."""
    exact = Decimal(number) if isinstance(number, Decimal) else Decimal(str(number))
    if not exact.is_finite():
        return str(number)
    text = (
        f"{exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN):f}"
        if digits
        else f"{exact:.0f}"
    )
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text in {"-0", ""}:
        text = "0"
    return decimal_text(text, language)


def fixed_text(number: float | Decimal, language: str, digits: int) -> str:
    """Return a number with exactly so many digits behind the decimal point."""
    return decimal_text(f"{number:.{digits}f}", language)


def decimal_text(text: str, language: str) -> str:
    """Return a written number with the decimal sign of a language."""
    return text.replace(".", ",") if language == GERMAN else text
