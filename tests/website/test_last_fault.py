"""The fault line: present, the last one since commissioning, or none; and the warnings of `check`."""

from dataclasses import replace
from pathlib import Path

import pytest

from knxgw.charging.scope import DEVICE, point_scope
from knxgw.errors import FileLine, Finding, Plain, Severity
from knxgw.store.database import Database, FaultRow
from knxgw.store.history import History
from tests.support.website import FACTS, NOON, website
from tests.website.test_pages import SITE, text_of


@pytest.mark.proves("W18", "7.9")
def test_a_fault_of_before_the_start_is_named_with_its_time(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with website(lambda _language: SITE, history=History(tmp_path)) as found:
        assert text_of(found.get("/")).count("No fault") >= 2
        rows = [
            FaultRow(at=NOON.isoformat(), scope=point_scope(1), code="Comm", present=present)
            for present in (True, False)
        ]
        early = FaultRow(
            at="2026-06-30T10:00:00+00:00", scope=DEVICE, code="OverCurrent", present=True
        )
        database.save({}, (), [early, *rows])
        found.clock.now_s += 60
        page = text_of(found.get("/"))
    assert "None now; last: Comm, 12:00" in page
    assert "None now; last: OverCurrent, 30 Jun 2026, 10:00" in page
    database.close()


@pytest.mark.proves("6.14")
def test_what_check_warns_of_stands_in_the_banner_as_long_as_it_holds() -> None:
    warning = Finding(
        place=FileLine("site.yaml", 7, "load_management.fuse_a"),
        words=Plain("the minimum currents together reach the limit"),
        severity=Severity.WARNING,
    )
    facts = replace(FACTS, warnings=(warning,))
    with website(lambda _language: SITE, facts=lambda: facts) as found:
        page = text_of(found.get("/"))
    assert "Overcurrent protection device: the minimum currents together reach the limit" in page
    assert "load_management" not in page
