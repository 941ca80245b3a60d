"""Many log-ins at once take neither memory nor threads, and hold up nobody else."""

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from knxgw.run import THREAD_SLICE_S
from knxgw.store.accounts import AccountStore
from knxgw.store.database import Database
from knxgw.website.access.accounts import Accounts
from knxgw.website.access.answers import Outcome
from tests.support.netns import REPOSITORY
from tests.support.virtual_time import InlineExecutor
from tests.website.access.desk import HERE, OWN, Desk

AT_ONCE = 50
MOST_MIB = 25.0


LOOKS = 30  # on a machine that six workers keep busy most of them are disturbed
TELEGRAM_S = 0.005  # what log-ins may add to the time of a telegram (p99)


def memory_kib(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def log_in_at_once(accounts: Accounts) -> Counter[Outcome]:
    """Let as many browsers as there may be log in at the same moment, each from its own network."""
    ready = threading.Barrier(AT_ONCE)
    outcomes: list[Outcome] = []

    def browser(number: int) -> None:
        ready.wait(10)
        outcomes.append(accounts.log_in("wrong password", address=f"10.0.{number}.1").outcome)

    threads = [threading.Thread(target=browser, args=(number,)) for number in range(AT_ONCE)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    return Counter(outcomes)


def main(state: Path) -> None:
    """Print how much memory many log-ins at once have taken at most [MiB], and their outcomes."""
    store = AccountStore(Database(state), InlineExecutor(), lambda *_: None)
    accounts = Accounts(store, state, now=lambda: None, now_s=lambda: 0.0)
    accounts.log_in("wrong password", address=HERE)  # whatever is loaded at the first one
    before = memory_kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    outcomes = log_in_at_once(accounts)
    print((memory_kib("VmHWM") - before) / 1024, sum(outcomes.values()), outcomes[Outcome.DONE])  # noqa: T201


@pytest.mark.long
@pytest.mark.proves("W03")
@pytest.mark.real
def test_fifty_log_ins_at_once_take_the_memory_of_one(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    taken_mib, answered, let_in = said.stdout.split()
    assert float(taken_mib) <= MOST_MIB
    assert (int(answered), int(let_in)) == (AT_ONCE, 0)


@pytest.fixture
def thread_slice_of_the_gateway() -> Iterator[None]:
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(THREAD_SLICE_S)
    yield
    sys.setswitchinterval(usual_s)


async def delays_s(seconds: float) -> list[float]:
    """Return how late the loop is each time, as a telegram would be."""
    loop, late = asyncio.get_running_loop(), []
    end_s = loop.time() + seconds
    while (due_s := loop.time() + 0.002) < end_s:
        await asyncio.sleep(0.002)
        late.append(loop.time() - due_s)
    return sorted(late)


@pytest.mark.proves("W03")
@pytest.mark.real
async def test_fifty_log_ins_at_once_delay_no_telegram(
    tmp_path: Path, thread_slice_of_the_gateway: None
) -> None:
    """On a machine that is busy with something else one of a few looks has to be undisturbed; the first one ends it."""
    store = AccountStore(Database(tmp_path), InlineExecutor(), lambda *_: None)
    clock = [0.0]
    accounts = Accounts(store, tmp_path, now=lambda: None, now_s=lambda: clock[0])
    accounts.log_in("wrong password", address=HERE)
    added_s = []
    for _ in range(LOOKS):
        clock[0] += 3600.0
        usual = await delays_s(0.3)
        many = threading.Thread(target=log_in_at_once, args=(accounts,))
        many.start()
        busy = await delays_s(0.6)
        await asyncio.to_thread(many.join)
        added_s.append(busy[len(busy) * 99 // 100] - usual[len(usual) * 99 // 100])
        if min(added_s) <= TELEGRAM_S:
            return
    pytest.fail(f"telegrams are late by {added_s}")


@pytest.mark.real
def test_pages_are_answered_while_many_log_in(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    token = desk.owner()
    desk.now_s += 100.0
    waits: list[float] = []
    over = threading.Event()

    def page() -> None:
        while not over.is_set():
            began_s = time.perf_counter()
            assert desk.accounts.session_of(token, by_hand=True) is not None
            waits.append(time.perf_counter() - began_s)
            over.wait(0.001)

    reader = threading.Thread(target=page)
    reader.start()
    outcomes = log_in_at_once(desk.accounts)
    over.set()
    reader.join(10)
    assert outcomes[Outcome.WRONG] + outcomes[Outcome.BUSY] == 30
    assert outcomes[Outcome.TOO_SOON] == AT_ONCE - 30, "no more than thirty a minute"
    assert max(waits) < 0.5
    assert desk.accounts.log_in(OWN, address=HERE).outcome is Outcome.TOO_SOON
    desk.now_s += 60.0
    assert desk.accounts.log_in(OWN, address=HERE).outcome is Outcome.DONE


if __name__ == "__main__":
    main(Path(sys.argv[1]))
