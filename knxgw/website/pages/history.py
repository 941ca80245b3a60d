"""History: sessions, months, faults and starts, page by page and as tables. Source: website 35."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from flask import Blueprint, Response, abort, render_template, request

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.catalogue.load import catalogue
from knxgw.charging.scope import DEVICE
from knxgw.charging.session import SessionEnding
from knxgw.monitoring.csv_table import Cell, csv_lines
from knxgw.store.database import FaultRow, SessionRow
from knxgw.store.history import MOST_EXPORTED, History, HistoryError, Month, whole_wh
from knxgw.store.runs import RunEnding, RunRow
from knxgw.website.access.accounts import Accounts
from knxgw.website.access.roles import Right
from knxgw.website.audit_words import action_words, address_words, change_words
from knxgw.website.exports import csv_answer
from knxgw.website.language import UNKNOWN, Language, marked, moment
from knxgw.website.pages.common import error_page, language, session, site
from knxgw.website.pages.help_pages import slug_of

pages = Blueprint("history", __name__)
LARGEST_ID = (1 << 63) - 1  # of SQLite
MOST_IN_LOG_FILE = 500  # rows of each table
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDINGS: Mapping[str, str] = {
    SessionEnding.COMPLETE: marked("the vehicle was full"),
    SessionEnding.UNPLUGGED: marked("unplugged"),
    SessionEnding.HELD_BACK: marked("held back: {reason}"),
    SessionEnding.REMOVED: marked("charging point removed"),
}
RUN_ENDINGS: Mapping[str | None, str] = {
    RunEnding.STOPPED: marked("stopped"),
    RunEnding.RESTARTED: marked("restarted on the website"),
    RunEnding.RESET: marked("reset to the factory settings"),
    RunEnding.REBOOTED: marked("machine restarted on the website"),
    RunEnding.FAILED: marked("error of the program"),
    None: marked("without notice: power cut, or killed"),
}


@pages.errorhandler(HistoryError)
def _unreadable(error: HistoryError) -> tuple[str, int]:
    words = language().text("The history cannot be read now: {why}.", why=error)
    return error_page(words, 503)


def _history() -> History:
    found = site().bridge.diagnostics.history
    if found is None:
        abort(503)
    return found


def _points() -> Collection[int] | None:
    """Return the charging points that whoever asks may see the sessions of; None: all of them."""
    return session().points


def _before() -> int | None:
    given = request.args.get("before", type=int)
    return None if given is None else max(0, min(given, LARGEST_ID))


@pages.get("/history")
def sessions() -> str:
    """Show the sessions, and the last months."""
    words, history = language(), _history()
    now = site().bridge.utc_now()
    page = history.sessions(points=_points(), before=_before())
    months = () if _before() else history.months(words.tzinfo, now, points=_points())
    undated = (0, 0) if _before() else history.undated(points=_points())
    return render_template(
        "history.html",
        rows=[_session(entry.row, words, now) for entry in page.entries],
        before=page.before,
        months=_months(months, words),
        undated=undated[0],
        undated_energy=words.kwh(undated[1]),
    )


@pages.get("/history/sessions.csv")
def sessions_csv() -> Response:
    """Return all sessions as a table."""
    words = language()
    page = _history().sessions(points=_points(), limit=MOST_EXPORTED, most=MOST_EXPORTED)
    head = [
        words.text("Start"), words.text("End"), words.text("Charging point"),
        words.text("Energy [kWh], not for billing"), words.text("Duration [s]"), words.text("Mean power [kW]"),
        words.text("Highest power [kW]"), words.text("RFID card"), words.text("How it ended"),
    ]  # fmt: skip
    return csv_answer("sessions", head, (_cells(one.row, words) for one in page.entries), words)


def _cells(row: SessionRow, words: Language) -> list[Cell]:
    mean_w, highest_w = _mean_w(row), row.highest_power_w
    return [
        moment(row.started_at),
        moment(row.ended_at),
        row.point,
        Decimal(whole_wh(row.energy_mwh)) / 1000,
        row.duration_s,
        None if mean_w is None else Decimal(mean_w) / 1000,
        None if highest_w is None else Decimal(highest_w) / 1000,
        row.card or None,
        _ending(row, words),
    ]


@pages.get("/history/months.csv")
def months_csv() -> Response:
    """Return the months as a table."""
    words = language()
    months = _history().months(words.tzinfo, site().bridge.utc_now(), points=_points(), count=120)
    head = [
        words.text("Month"), words.text("Charging point"), words.text("Sessions"),
        words.text("Energy [kWh], not for billing"), words.text("Duration [s]"),
    ]  # fmt: skip
    rows: Iterator[list[Cell]] = (
        [
            f"{one.year}-{one.month:02}",
            one.point,
            one.sessions,
            Decimal(one.energy_wh) / 1000,
            one.duration_s,
        ]
        for one in months
    )
    return csv_answer("months", head, rows, words)


@pages.get("/history/faults")
def faults() -> str:
    """Show when faults came and went."""
    words, now = language(), site().bridge.utc_now()
    page = _history().faults(before=_before())
    rows = [_fault(entry.row, words, now) for entry in page.entries]
    return render_template("history_faults.html", rows=rows, before=page.before)


@pages.get("/history/starts")
def starts() -> str:
    """Show when the device ran, and who changed something."""
    words, bridge = language(), site().bridge
    now = bridge.utc_now()
    page = _history().runs(before=_before())
    sees_audit = session().may(Right.USERS)  # names and addresses of the others
    audit = (bridge.accounts.audit_rows(limit=100) or ()) if sees_audit else ()
    return render_template(
        "history_starts.html",
        rows=[_run(entry.row, words, now) for entry in page.entries],
        before=page.before,
        sees_audit=sees_audit,
        audit=[
            {
                "at": words.moment(moment(row.at), now),
                "account": row.account,
                "address": address_words(row, words),
                "action": action_words(row, words),
                "change": change_words(row, words),
            }
            for row in audit
        ],
    )


# --- tables for the log file


def faults_csv(history: History, words: Language) -> Iterator[str]:
    """Yield the last faults, the newest first, as the lines of a table."""
    head = [
        words.text("Time"), words.text("Where"), words.text("Change"), words.text("Code"),
        words.text("Meaning"),
    ]  # fmt: skip
    rows = (one.row for one in history.faults(limit=MOST_IN_LOG_FILE).entries)
    return csv_lines(head, (_fault_cells(row, words) for row in rows), words.code, words.tzinfo)


def _fault_cells(row: FaultRow, words: Language) -> list[Cell]:
    at = moment(row.at)
    shown = _fault(row, words, at or EPOCH)
    return [at, shown["scope"], shown["change"], shown["code"], shown["title"]]


def runs_csv(history: History, words: Language) -> Iterator[str]:
    """Yield the last times that the device ran, the newest first, as the lines of a table."""
    head = [
        words.text("Start"), words.text("End"), words.text("Firmware"), words.text("How it ended"),
    ]  # fmt: skip
    rows = (one.row for one in history.runs(limit=MOST_IN_LOG_FILE).entries)
    return csv_lines(head, (_run_cells(row, words) for row in rows), words.code, words.tzinfo)


def _run_cells(row: RunRow, words: Language) -> list[Cell]:
    started_at = moment(row.started_at)
    shown = _run(row, words, started_at or EPOCH)
    ending = "" if shown["is_open"] else shown["ending"]
    return [started_at, moment(row.ended_at), row.version, ending]


def audit_csv(accounts: Accounts, words: Language) -> Iterator[str]:
    """Yield who did what, the newest first, as the lines of a table."""
    head = [
        words.text("Time"), words.text("Account"), words.text("From"), words.text("Action"),
        words.text("Change"),
    ]  # fmt: skip
    rows = accounts.audit_rows(limit=MOST_IN_LOG_FILE) or ()
    cells: Iterator[list[Cell]] = (
        [
            moment(row.at),
            row.account,
            address_words(row, words),
            action_words(row, words),
            change_words(row, words),
        ]
        for row in rows
    )
    return csv_lines(head, cells, words.code, words.tzinfo)


# --- rows in words


def _session(row: SessionRow, words: Language, now: datetime) -> dict[str, str]:
    started, ended = moment(row.started_at), moment(row.ended_at)
    return {
        "point": str(row.point),
        "start": words.moment(started, now) if started else words.text("time not known"),
        "end": words.moment(ended, started),
        "energy": words.kwh(whole_wh(row.energy_mwh)),
        "duration": words.duration(row.duration_s),
        "mean": words.watt(_mean_w(row)),
        "highest": words.watt(row.highest_power_w),
        "card": f"…{row.card}" if row.card else "",
        "ending": _ending(row, words),
    }


def _mean_w(row: SessionRow) -> int | None:
    """Return the mean power of a session [W]."""
    return round(row.energy_mwh * 3.6 / row.duration_s) if row.duration_s else None


def _ending(row: SessionRow, words: Language) -> str:
    text = ENDINGS.get(row.ending or "")
    if text is None:
        return ""
    reasons = catalogue().product.texts.reasons
    held_by = next((one for one in Reason if one == row.held_by), None)
    reason = UNKNOWN if held_by is None else reasons[held_by].words.in_language(words.code)
    return words.text(text, reason=reason)


def _months(months: Collection[Month], words: Language) -> list[dict[str, object]]:
    """Return the months with all points together, and a bar each."""
    sums: dict[tuple[int, int], list[Month]] = {}
    for one in months:
        sums.setdefault((one.year, one.month), []).append(one)
    most_wh = max((sum(one.energy_wh for one in parts) for parts in sums.values()), default=1)
    rows: list[dict[str, object]] = []
    for (year, month), parts in sums.items():
        energy_wh, left, bars = sum(one.energy_wh for one in parts), 0, []
        for one in parts:
            width = one.energy_wh * 1000 // max(1, most_wh)
            bars.append((one.point, left, width))
            left += width
        rows.append(
            {
                "month": words.month(year, month),
                "sessions": sum(one.sessions for one in parts),
                "energy": words.kwh(energy_wh),
                "bars": bars,
                "points": ", ".join(f"{one.point}: {words.kwh(one.energy_wh)}" for one in parts),
            }
        )
    return rows


def _fault(row: FaultRow, words: Language, now: datetime) -> dict[str, str]:
    known = next((code for code in FaultCode if code.value == row.code), None)
    definitions = catalogue().product.faults.definitions
    number = row.scope.removeprefix("cp")
    return {
        "at": words.moment(moment(row.at), now),
        "scope": words.text("Device")
        if row.scope == DEVICE
        else words.text("Charging point {number}", number=number),
        "code": row.code,
        "help": "" if known is None else f"/help/{slug_of(known)}",
        "title": "" if known is None else definitions[known].title.in_language(words.code),
        "change": words.text("came") if row.present else words.text("went"),
    }


def _run(row: RunRow, words: Language, now: datetime) -> dict[str, str]:
    is_first = row.ended_at is None and row.ending is None
    return {
        "start": words.moment(moment(row.started_at), now),
        "end": words.moment(moment(row.ended_at), now) if row.ended_at else "",
        "version": row.version,
        "ending": words.text(RUN_ENDINGS.get(row.ending) or RUN_ENDINGS[None]),
        "is_open": "1" if is_first else "",
    }
