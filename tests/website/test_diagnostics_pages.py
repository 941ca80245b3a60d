"""Diagnostics beside the group monitor, and support: what they show, do and never show."""

import inspect
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from markupsafe import escape

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Table
from knxgw.errors import PeerRefusedError, RejectedError
from knxgw.links import modbus_buses
from knxgw.modbus import driver, spare_reads
from knxgw.modbus.explain import explain
from knxgw.modbus.plan import plan_blocks
from knxgw.modbus.requests import Read
from knxgw.monitoring import self_test
from knxgw.monitoring.log_ring import Area, LogLine, LogRecorder
from knxgw.monitoring.objects import Absence, ObjectLine
from knxgw.monitoring.requests import Exchange, PointValue, RequestRing, RequestWords
from knxgw.monitoring.self_test import Check, Problem, SelfTestRun, Verdict
from knxgw.monitoring.telegrams import Meaning
from knxgw.objects import codec, server
from knxgw.store.database import Database, SessionRow
from knxgw.store.history import History
from knxgw.website.pages import modbus_monitor, objects
from knxgw.website.pages import self_test as self_test_page
from knxgw.website.recordings import Objects, Requests, SelfTest
from tests.support.website import NOON, Website, website
from tests.website.test_pages import SITE, text_of

KEBA = catalogue().chargers["keba_p30"]
(STATE,) = plan_blocks(KEBA, unit_id=255, address_offset=0, wanted=["state"])
SCRIPT = '<script>alert("1")</script>'


class Asked:
    """What pages have asked of the device."""

    def __init__(self) -> None:
        self.reads: list[tuple[str, Table, int, int]] = []
        self.done: list[tuple[object, ...]] = []
        self.error: Exception | None = None

    def read_once(self, device: str, table: Table, address: int, count: int) -> RequestWords:
        self.reads.append((device, table, address, count))
        if self.error is not None:
            raise self.error
        values = (PointValue(name="", address=address, raw="00FA"),)
        return RequestWords(
            is_write=False, function=3, unit_id=1, table=table.value, address=address, count=count,
            values=values,
        )  # fmt: skip

    def do(self, *what: object) -> None:
        if self.error is not None:
            raise self.error
        self.done.append(what)


LINES = (
    ObjectLine(
        number=55, point=1, name=f"Left {SCRIPT}", dpt="1.002", flags="C-WTU-",
        addresses=("1/1/55",), meaning=Meaning(text="1"), raw="01", changed_at=NOON,
        sender="1.1.9", received=3, sent=0, wrong=2, can_read=True, can_write=True,
    ),
    ObjectLine(number=62, point=1, name="Left: current", dpt="14.019", absence=Absence.NO_ADDRESS),
)  # fmt: skip


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def ring() -> RequestRing:
    return RequestRing()


@pytest.fixture
def shown(asked: Asked, ring: RequestRing) -> Iterator[Website]:
    requests = Requests(
        kept=ring,
        explain=lambda one: explain(one.request, one.registers, KEBA),  # type: ignore[arg-type]  # they are requests
        devices=lambda: (("cp1/charger", "Garage left"), ("cp2/charger", "Garage right")),
        read_once=asked.read_once,
    )
    done = Objects(
        listed=lambda _language: LINES,
        read=lambda number: asked.do("read", number),
        send=lambda number: asked.do("send", number),
        write=lambda number, text: asked.do("write", number, text),
    )
    with website(lambda _language: SITE, requests=requests, objects=done) as found:
        yield found


def exchange(error: str = "") -> Exchange:
    registers = () if error else (0, 3)
    return Exchange(
        NOON, "192.168.1.31:502", "cp1/charger", Read(block=STATE), registers, 0.012, error
    )


# --- Modbus monitor


@pytest.mark.proves("W33")
def test_requests_stand_with_name_value_raw_and_time(shown: Website, ring: RequestRing) -> None:
    assert "No request yet." in text_of(shown.get("/diagnostics/modbus"))
    ring.note(exchange())
    ring.note(exchange("no answer within 1 s"))
    page = text_of(shown.get("/diagnostics/modbus"))
    for part in (
        "192.168.1.31:502",
        "Garage left",
        "state 3",
        "0000 0003",
        "12 ms",
        "no answer within 1 s",
    ):
        assert part in page
    only = text_of(shown.get("/diagnostics/modbus?errors=1"))
    assert "0000 0003" not in only
    assert "no answer within 1 s" in shown.get("/diagnostics/modbus.csv")
    assert "cp1/charger" not in page, "what people do not call it"


def rows_of(page: str) -> str:
    """Return the text of a page's live list."""
    return text_of(page.split('<tbody role="rowgroup">')[1].split("</tbody>", maxsplit=1)[0])


@pytest.mark.proves("W33")
def test_a_filter_looks_at_all_requests_and_knows_buses_and_names(
    shown: Website, ring: RequestRing
) -> None:
    ring.note(exchange("no answer within 1 s")._replace(bus="serial line", device="cp2/charger"))
    for _ in range(modbus_monitor.LOOKED_AT + 5):
        ring.note(exchange())
    assert "no answer" not in rows_of(shown.get("/diagnostics/modbus"))
    for query in ("errors=1", "bus=serial+line", "device=cp2%2Fcharger", "text=garage+right"):
        found = rows_of(shown.get(f"/diagnostics/modbus?{query}"))
        assert "no answer" in found, query
        assert "Garage left" not in found, query
        page = shown.get(f"/diagnostics/modbus?{query}")
        stream = page.split('data-stream="')[1].split('"')[0]
        assert query in unescape(stream), "the stream has the same filter"


def test_what_is_not_of_today_has_its_day(shown: Website, ring: RequestRing) -> None:
    shown.bridge.diagnostics.logs.ring.append(
        LogLine(NOON - timedelta(days=3), 40, Area.KNX, "an old error")
    )
    shown.bridge.diagnostics.logs.ring.append(LogLine(NOON, 20, Area.KNX, "a new line"))
    ring.note(exchange()._replace(at=NOON - timedelta(days=1)))
    assert "28 Jun 2026, 12:00:00.000" in rows_of(shown.get("/diagnostics/logs"))
    assert "28.06.26, 12:00:00.000" in rows_of(shown.get("/diagnostics/logs", "de"))
    assert "1 Jul" not in rows_of(shown.get("/diagnostics/logs"))
    assert "30 Jun 2026, 12:00:00.000" in rows_of(shown.get("/diagnostics/modbus"))
    live = json.loads(shown.get("/api/v1/monitor/log?once=1&after=boot-0"))["rows"]
    assert [row["time"] for row in live] == ["28 Jun 2026, 12:00:00.000", "12:00:00.000"]


@pytest.mark.proves("W23", "W36")
def test_lines_of_the_log_are_not_lost_between_the_page_and_its_stream(shown: Website) -> None:
    page = shown.get("/diagnostics/logs?level=error")
    for level in (20, 40, 30, 40):
        shown.bridge.diagnostics.logs.ring.append(
            LogLine(NOON, level, Area.KNX, f"of level {level}")
        )
    stream, after = (
        unescape(page.split(f'data-{name}="')[1].split('"')[0]) for name in ("stream", "after")
    )
    news = json.loads(shown.get(f"{stream}&once=1&after={after}"))
    assert [row["text"] for row in news["rows"]] == ["of level 40", "of level 40"]
    assert (news["dropped"], news["id"]) == (0, "boot-4")


@pytest.mark.proves("W33")
def test_registers_are_read_and_nothing_can_be_written(shown: Website, asked: Asked) -> None:
    form = {"device": "cp1/charger", "table": "holding", "address": "1000", "count": "2"}
    answer = shown.post("/diagnostics/modbus/read", **form)
    assert answer.status_code == 200
    assert asked.reads == [("cp1/charger", Table.HOLDING, 1000, 2)]
    assert "00FA" in answer.get_data(as_text=True)
    asked.error = RejectedError("the device cannot be reached")
    answer = shown.post("/diagnostics/modbus/read", **form)
    assert answer.status_code == 409
    assert "the device cannot be reached" in text_of(answer.get_data(as_text=True))
    asked.error = PeerRefusedError("refused, exception 2", 2)
    assert shown.post("/diagnostics/modbus/read", **form).status_code == 409
    for wrong in ({"table": "coils"}, {"address": "x"}, {"count": ""}):
        assert shown.post("/diagnostics/modbus/read", **{**form, **wrong}).status_code == 400
    rules = [str(rule) for rule in shown.app.url_map.iter_rules() if "modbus" in str(rule)]
    assert not [rule for rule in rules if "write" in rule]


def test_every_refusal_has_words_that_are_translated() -> None:
    reported = (*modbus_monitor.REFUSALS, *objects.REFUSALS)
    modules = (modbus_buses, driver, spare_reads, codec, server)
    sources = [inspect.getsource(module) for module in modules]
    for refusal in reported:
        if refusal.startswith(("the device is", "the device does", "KNX")):
            continue  # said elsewhere
        assert any(refusal in source for source in sources), refusal


# --- objects


@pytest.mark.proves("W34")
def test_objects_stand_with_value_sender_and_the_reason_of_missing_ones(shown: Website) -> None:
    page = shown.get("/diagnostics/objects")
    assert SCRIPT not in page
    text = text_of(page)
    for part in (
        "55 1 Left",
        "1/1/55",
        "C-WTU-",
        "12:00:00.000",
        "1.1.9",
        "3 / 0",
        "no group address",
    ):
        assert part in text
    assert "1/1/55" not in text_of(shown.get("/diagnostics/objects?missing=1"))
    assert "62" in text_of(shown.get("/diagnostics/objects?text=current"))
    assert "1/1/55" in shown.get("/diagnostics/objects.csv")


@pytest.mark.proves("W34")
def test_a_service_write_needs_the_token_and_stands_in_the_audit(
    shown: Website, asked: Asked
) -> None:
    bare = shown.browser.post("/diagnostics/objects/55/write", data={"value": "1"})
    assert bare.status_code == 403
    assert asked.done == []
    assert shown.post("/diagnostics/objects/55/write", value="1").status_code == 303
    assert shown.post("/diagnostics/objects/55/read").status_code == 303
    assert shown.post("/diagnostics/objects/62/send").status_code == 303
    assert asked.done == [("write", 55, "1"), ("read", 55), ("send", 62)]
    (row,) = [one for one in shown.accounts.audit_rows() or () if one.action == "object_written"]
    assert (row.account, row.before, row.after) == ("owner", "55: 1", "55: 1")
    asked.error = RejectedError("the group object cannot have this value")
    answer = shown.post("/diagnostics/objects/55/write", value="perhaps")
    assert answer.status_code == 409
    assert "cannot have this value" in answer.get_data(as_text=True)


def test_a_refused_service_write_keeps_its_value_and_the_filter(
    shown: Website, asked: Asked
) -> None:
    asked.error = RejectedError("the group object cannot have this value")
    answer = shown.post("/diagnostics/objects/55/write", value=SCRIPT, text="1/1/55")
    page = answer.get_data(as_text=True)
    row = page[page.index('id="object-55"') :]
    assert f'name="value" maxlength="40" required value="{escape(SCRIPT)}"' in row
    assert "Not done: the group object cannot have this value." in row, "beside the field"
    assert "<details open>" in row
    assert 'id="object-62"' not in page, "the filter holds"
    assert shown.browser.get("/diagnostics/objects/55/write").status_code == 303
    answer = shown.post("/diagnostics/objects/55/read", text="1/1/55")
    page = answer.get_data(as_text=True)
    assert "Not done" in page.partition("<table")[0]
    assert "<details open>" not in page


def test_after_an_action_the_filter_holds(shown: Website) -> None:
    answer = shown.post("/diagnostics/objects/55/read", text="left", missing="1")
    there = "/diagnostics/objects?text=left&missing=1&said=done#object-55"
    assert answer.headers["Location"] == there


# --- self-test


@pytest.mark.proves("W50")
def test_the_self_test_shows_each_problem_with_its_remedy() -> None:
    job, begun = SelfTestRun(), []
    test = SelfTest(progress=lambda: job.progress, start=lambda: begun.append(1))
    with website(lambda _language: SITE, self_test=test) as shown:
        assert "Not tested yet" in text_of(shown.get("/diagnostics/self-test"))
        assert shown.post("/diagnostics/self-test").status_code == 303
        assert begun == [1]
        job.begin(3)
        job.add(self_test.of_store(0.012))
        assert "1 of 3 looked at" in text_of(shown.get("/diagnostics/self-test"))
        job.add(self_test.of_device(Check.CHARGER, "cp1", "not_reachable", None))
        job.add(self_test.of_space(10**9))
        job.end()
        text = text_of(shown.get("/diagnostics/self-test"))
        for part in (
            "Charger: cp1",
            "It cannot be reached.",
            "Check power",
            "12 ms",
            "1 problem found",
        ):
            assert part in text


@pytest.mark.proves("W50")
def test_no_row_of_a_self_test_is_lost_before_its_stream_and_its_end_is_told() -> None:
    job = SelfTestRun()
    with website(
        lambda _language: SITE, self_test=SelfTest(progress=lambda: job.progress)
    ) as shown:
        job.begin(2)
        job.add(self_test.of_store(0.012))
        page = shown.get("/diagnostics/self-test")
        after = page.split('data-after="')[1].split('"')[0]
        job.add(self_test.of_space(10**9))
        answer = shown.browser.get(f"/api/v1/monitor/self-test?after={after}")
        blocks: Iterator[bytes] = iter(answer.response)  # type: ignore[arg-type]
        next(blocks)
        event = json.loads(bytes(next(blocks)).split(b"data: ")[1])
        assert [row["check"] for row in event["rows"]] == ["Free space"]
        assert event["rate"] == "2 of 2 looked at"
        job.end()
        shown.clock.now_s += 2
        event = json.loads(bytes(next(blocks)).split(b"data: ")[1])
        assert (event["rows"], event["rate"]) == ([], "Everything is good.")
        answer.close()
        job.begin(1)
        job.add(self_test.of_store(0.012))
        again = json.loads(shown.get(f"/api/v1/monitor/self-test?once=1&after={after}"))
        assert len(again["rows"]) == 1, "another test begins from its first row"


def test_every_check_problem_and_verdict_has_words() -> None:
    assert set(self_test_page.CHECKS) == set(Check)
    assert set(self_test_page.PROBLEMS) == set(Problem)
    assert set(self_test_page.VERDICTS) == set(Verdict)
    assert set(objects.ABSENT) == set(Absence)


# --- support

PLANTED = ("sesame42", "DEADBEEF", "00112233445566778899AABBCCDDEEFF")


@pytest.fixture
def telling(tmp_path: Path, ring: RequestRing) -> Iterator[Website]:
    """A website whose log, configuration and devices tell secrets."""
    keeper = LogRecorder()
    keeper.scrubber.learn("sesame42")
    keeper.scrubber.learn_card("DEADBEEF")
    keeper.ring.append(LogLine(NOON, 20, Area.KNX, "a line with sesame42 and DEADBEEF"))
    database = Database(tmp_path / "history")
    database.save(
        {}, [SessionRow(point=1, started_at=None, ended_at=None, duration_s=1, energy_mwh=2)]
    )
    database.close()
    ring.note(exchange(f"refused by {PLANTED[2]}"))
    point = SITE.points[0]
    site = replace(SITE, points=(replace(point, detail=replace(point.detail, serial="sesame42")),))
    requests = Requests(
        kept=ring,
        explain=lambda one: explain(one.request, one.registers, KEBA),  # type: ignore[arg-type]  # they are requests
        devices=tuple,
        read_once=lambda *_what: pytest.fail("nothing is read"),
    )
    with website(
        lambda _language: site,
        requests=requests,
        logs=keeper,
        history=History(tmp_path / "history"),
        configuration=lambda: "keyring_password: sesame42\nname: Garage\n",
    ) as found:
        yield found


@pytest.mark.proves("W14", "W37")
def test_the_support_text_is_complete_and_tells_no_secret(telling: Website) -> None:
    page = telling.get("/support")
    assert not [secret for secret in PLANTED if secret in page]
    text = telling.get("/support.txt")
    for name in ("Product", "Firmware", "Individual address", "Uptime", "Started", "Network", "RS485 line", "Faults",
                 "Charger", "State", "Load management", "ETS version", "Since when"):  # fmt: skip
        assert f"{name}" in text
    german = telling.get("/support.txt", "de")
    assert german.count("\n") == text.count("\n")
    assert not [secret for secret in PLANTED if secret in text + german]


@pytest.mark.proves("W14", "W36")
def test_the_log_file_has_every_part_and_no_secret_in_any(telling: Website) -> None:
    answer = telling.post("/support/log.zip")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="knxgw-log.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(files) == {
        "support.txt", "status.html", "status.json", "configuration.yaml", "findings.txt",
        "objects.csv", "knx-device.json", "telegrams.csv", "requests.csv", "faults.csv", "starts.csv", "audit.csv", "knxgw.log",
        "manifest.json",
    }  # fmt: skip
    assert "<style>" in files["status.html"]
    assert "/static/" not in files["status.html"], "it is looked at on another computer"
    assert "<script" not in files["status.html"]
    assert "log file downloaded" in files["audit.csv"] or "logged in" in files["audit.csv"]
    for name, content in files.items():
        for secret in (*PLANTED, telling.csrf):
            assert secret not in content, (name, secret)
    assert "a line with **** and …BEEF" in files["knxgw.log"]
    assert "name: Garage" in files["configuration.yaml"]
    manifest = json.loads(files["manifest.json"])
    assert {one["problem"] for one in manifest["files"]} == {""}
    assert manifest["versions"]["knxgw"]


@pytest.mark.proves("W36")
def test_extended_logging_ends_with_the_download(telling: Website) -> None:
    switched: list[bool] = []
    telling.bridge.diagnostics.logs.extend(0.0)
    assert "ends with the download" in text_of(telling.get("/support"))
    object.__setattr__(
        telling.bridge, "device", replace(telling.bridge.device, set_logging=switched.append)
    )
    telling.post("/support/log.zip")
    telling.bridge.diagnostics.logs.note_download()
    assert switched == [False]


def test_one_log_file_is_made_at_a_time() -> None:
    codes: list[int] = []

    def configuration() -> str:
        """Ask for a second log file while the first one is being made."""
        cookie = found.browser.get_cookie(found.bridge.reach.cookie)
        assert cookie is not None
        if not codes:
            codes.append(0)
            other = found.app.test_client(use_cookies=False)
            headers = {"Cookie": f"{cookie.key}={cookie.value}"}
            answer = other.post("/support/log.zip", data={"csrf": found.csrf}, headers=headers)
            codes.append(answer.status_code)
        return ""

    with website(lambda _language: SITE, configuration=configuration) as found:
        assert found.post("/support/log.zip").status_code == 200
        assert codes == [0, 503]
        assert found.post("/support/log.zip").status_code == 200
