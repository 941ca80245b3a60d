"""Words, numbers and times of a page in one language. Pure but for reading the catalogues once.

Texts of pages are in `translations/` (English is the key); names of states, reasons, faults and
objects come from `product_db/`. Source: website 55.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_decimal, get_decimal_symbol
from babel.support import NullTranslations, Translations

UNKNOWN = "–"
FOLDER = Path(__file__).parent / "translations"
FALLBACK = "en"


def languages_of(folder: Path) -> tuple[str, ...]:
    """Return the languages of the pages: English, and each that has a catalogue.

    A catalogue in the folder is enough for a further one. What stands in `product_db/` is English in a language
    that has no text there.
    """
    catalogues = folder.glob("*/LC_MESSAGES/messages.mo")
    return FALLBACK, *sorted(path.parts[-3] for path in catalogues)


LANGUAGES = languages_of(FOLDER)


@cache
def own_name(code: str) -> str:
    """Return the name of a language in that language; 4 MiB are read for the first one."""
    name = str(_locale(code).get_display_name(code))
    return name[:1].upper() + name[1:]


def marked(english: str) -> str:
    """Return a text as it is: it stands in a table here, and `Language.text` translates it later."""
    return english


def choose(wanted: str | None, cookie: str | None, accepted: str | None, device: str) -> str:
    """Return the language of a page: of the account, the cookie, the browser, else the device."""
    for one in (wanted, cookie, accepted, device):
        if one in LANGUAGES:
            return str(one)
    return FALLBACK


@cache
def _translations(code: str) -> NullTranslations:
    return Translations.load(FOLDER, [code])


@dataclass(frozen=True, slots=True)
class Language:
    """One language, with the time zone of the device."""

    code: str
    zone: str = "UTC"

    def text(self, english: str, **values: object) -> str:
        """Return a text of the pages, with `{names}` filled in."""
        found = _translations(self.code).gettext(english)
        return found.format(**values) if values else found

    def counted(self, one: str, several: str, count: int) -> str:
        """Return a text with a `{count}` in it, as it is said of one, or of several."""
        return _translations(self.code).ngettext(one, several, count).format(count=count)

    # --- quantities; None is not known

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with a fixed count of decimals."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return format_decimal(value, pattern, locale=self._locale)

    @property
    def decimal_sign(self) -> str:
        """Return what stands before the decimals."""
        return get_decimal_symbol(self._locale)

    def ampere(self, current_ma: int | None) -> str:
        """Return a current with its unit."""
        return UNKNOWN if current_ma is None else f"{self.number(current_ma / 1000, 1)}\u202fA"

    def watt(self, power_w: int | None) -> str:
        """Return a power: below 100 W in W, else in kW with one decimal."""
        if power_w is None:
            return UNKNOWN
        if abs(power_w) < 100:
            return f"{self.number(power_w)}\u202fW"
        return f"{self.number(power_w / 1000, 1)}\u202fkW"

    def kwh(self, energy_wh: int | None) -> str:
        """Return an energy in kWh with two decimals."""
        return UNKNOWN if energy_wh is None else f"{self.number(energy_wh / 1000, 2)}\u202fkWh"

    def duration(self, duration_s: float | None) -> str:
        """Return a duration in the two units that matter: 42 s, 3 min, 1:02 h, 3 d 4 h."""
        if duration_s is None:
            return UNKNOWN
        seconds = round(duration_s)
        if seconds < 60:
            return f"{seconds}\u202fs"
        if seconds < 3600:
            return f"{seconds // 60}\u202fmin"
        if seconds < 86_400:
            return f"{seconds // 3600}:{seconds % 3600 // 60:02}\u202fh"
        days = self.text("{days} d", days=seconds // 86_400)
        return f"{days} {seconds % 86_400 // 3600}\u202fh"

    # --- times [aware UTC] in the zone of the device

    @property
    def tzinfo(self) -> tzinfo:
        """Return the time zone of the device."""
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)

    def local(self, at: datetime) -> datetime:
        """Return a moment in the device's time zone."""
        return at.astimezone(self.tzinfo)

    def clock(self, at: datetime | None) -> str:
        """Return the time of day."""
        if at is None:
            return UNKNOWN
        return format_time(self.local(at), "HH:mm", locale=self._locale)

    def day(self, at: datetime | None) -> str:
        """Return the day."""
        if at is None:
            return UNKNOWN
        return format_date(
            self.local(at), "short" if self.code != "en" else "d MMM y", locale=self._locale
        )

    def month(self, year: int, month: int) -> str:
        """Return the name of a month with its year."""
        return format_date(date(year, month, 1), "LLLL y", locale=self._locale)

    def moment(self, at: datetime | None, now: datetime | None) -> str:
        """Return when something was: the time if it was today, else with its day."""
        if at is None:
            return UNKNOWN
        if now is not None and self.local(at).date() == self.local(now).date():
            return self.clock(at)
        return f"{self.day(at)}, {self.clock(at)}"

    def stamp(self, at: datetime, now: datetime) -> str:
        """Return when something was to the millisecond, with its day unless that is today."""
        local = self.local(at)
        time = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
        return time if local.date() == self.local(now).date() else f"{self.day(at)}, {time}"

    @property
    def _locale(self) -> Locale:
        return _locale(self.code)


def moment(text: str | None) -> datetime | None:
    """Return a stored time [aware UTC], None where there is none."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


@cache
def _locale(code: str) -> Locale:
    return Locale.parse(code)
