"""`knxgw check --online`: what would a start say to this file, and what does the network say?"""

import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message, message
from knxgw.commands.check import report
from knxgw.ending import run_to_end
from knxgw.errors import FileLine, Finding, Severity
from knxgw.judgement import gateway_on, judge_file
from knxgw.monitoring.online_check import OPEN, Seen, State
from knxgw.online.check import OnlineCheck

NOT_SEEN = frozenset({State.SKIPPED, State.UNFINISHED})
STYLES = {State.GOOD: "green", State.WARNING: "yellow", State.UNFINISHED: "yellow"}


def check_online(file: Path, state: Path | None, usual_state: Path, *, limit_s: float) -> bool:
    """Print what is found while it is looked for, then every finding; tell whether all is good.

    It is not if there is an error, or if a person ended it.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # findings say what the log would
    judgement = judge_file(file, state)
    loaded = judgement.loaded
    if loaded is None or loaded.configuration is None:
        return report(judgement.findings, ["online: correct the file first"])
    held_by = judgement.held_by or gateway_on(usual_state)
    screen = Screen()
    online = OnlineCheck(
        loaded.configuration,
        tuple(catalogue().models),
        place=loaded.places.place,
        on_change=screen.show,
    )
    was_ended = False
    with screen:
        try:
            run_to_end(online.run(limit_s, held_by=held_by))
        except KeyboardInterrupt:
            was_ended = True
    notes = [] if held_by is None else [_held(file, held_by)]
    findings = [*judgement.findings, *online.board.findings, *notes]
    left_out = [f"online: {line(one)}" for one in online.board.seen.values() if is_left_out(one)]
    is_good = report(sorted(findings, key=lambda one: one.line), left_out)
    if was_ended:
        click.echo("ended before everything was looked at; nothing was written to any device")
    return is_good and not was_ended


def is_left_out(seen: Seen) -> bool:
    """Tell whether something was not looked at, or not to the end."""
    return seen.state in NOT_SEEN


def line(seen: Seen) -> str:
    """Return one thing that is looked at, and how far it is, in one line."""
    words = "" if seen.words is None else f": {seen.words.problem()}"
    return f"{seen.name.problem()}{words}"


def _held(file: Path, holder: Message) -> Finding:
    words = message("online_gateway_runs", holder=holder)
    return Finding(place=FileLine(str(file), 0, ""), words=words, severity=Severity.NOTE)


class Screen:
    """Shows how far everything is: a table on a terminal, else a line for each thing that is done."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._is_terminal = self._console.is_terminal
        self._seen: dict[str, Seen] = {}
        self._live = Live(console=self._console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_terminal:
            self._live.stop()

    def show(self, seen: Seen) -> None:
        """Show how far one thing is."""
        self._seen[seen.id] = seen
        if self._is_terminal:
            self._live.update(_table(tuple(self._seen.values())), refresh=True)
        elif seen.state not in OPEN and not is_left_out(seen):
            click.echo(line(seen), err=True)


def _table(rows: Sequence[Seen]) -> Table:
    table = Table.grid(padding=(0, 2))
    for seen in rows:
        words = "" if seen.words is None else seen.words.problem()
        table.add_row(seen.name.problem(), words, style=STYLES.get(seen.state, "dim"))
    return table
