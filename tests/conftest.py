"""Every coroutine test runs in virtual time unless it is marked `real`; an ERROR logged fails it."""

import asyncio
import gc
import inspect
import logging
import os
from collections.abc import Coroutine, Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from bench.loops import last_rounds
from knxgw.catalogue.load import catalogue as load
from knxgw.catalogue.product import Catalogue
from tests.support.virtual_time import run_virtual

# The same examples in every run, so that nothing is flaky; `make fuzz` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# All that is imported and collected stays until the end. Looking at it again and again for garbage
# takes half of the time of collecting and a sixth of that of the tests.
gc.disable()
GARBAGE_AFTER = 5000


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what was collected out of the garbage collector's rounds."""
    result = yield
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)
    gc.enable()
    return result


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the tests that wait now and then among those that compute.

    They and the long ones come early, so that no worker is the last by far. What waits for minutes
    in real time is in two groups, each the business of one worker from the beginning; the other
    workers compute meanwhile.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    early = [item for item in items if any(map(item.get_closest_marker, EARLY_MARKS))]
    is_early = set(early)
    others = [item for item in items if item not in is_early]
    places = [(index / len(early) * EARLY, item) for index, item in enumerate(early)]
    places += [(index / len(others), item) for index, item in enumerate(others)]
    items[:] = [item for _, item in sorted(places, key=lambda one: one[0])]


EARLY, EARLY_MARKS = 0.8, ("real", "long")
# What waits for minutes in real time: each group is the business of one worker from the beginning,
# so that the others compute meanwhile. Also modules whose fixture takes seconds: it is made once then.
WAITING = {
    "tests/links/test_serial_line.py": "a serial line",
    "tests/e2e/test_main_job.py": "processes",
    "tests/cli/test_probe.py": "processes",
    "tests/cli/test_sim.py": "simulators",
    "tests/cli/test_demo.py": "simulators",
    "tests/links/test_modbus_wrong_answers.py": "processes",
    "tests/links/test_abl_line.py": "processes",
    "tests/website/test_planted_secrets.py": "planted secrets",
    "tests/test_package.py": "an installed package",
    "tests/gateway/test_every_parameter_is_read.py": "every parameter",
    "tests/bench/test_realtime.py": "a gateway in its garage",
    "tests/bench/test_page.py": "a page of the bench",
    "tests/config/test_messages.py": "messages in the sources",
    "tests/catalogue/test_facts_stand_once.py": "facts in the sources",
    "tests/conformance/test_table.py": "proofs in the sources",
    "tests/test_rules.py": "rules in the sources",
    "tests/website/test_https.py": "https",
    "tests/packaging/test_life_on_a_machine.py": "a Debian package",
    "tests/packaging/test_package_contents.py": "a Debian package",
}


class Waiting(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Each test by itself to whoever is free, but for the groups of `WAITING`.

    xdist counts, after each test, all that a worker was ever given, and looks for the next test
    among all of them: with thousands that are given one by one, a core is busy with it.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._places: dict[str, int] = {}

    def _split_scope(self, nodeid: str) -> str:
        return WAITING.get(nodeid.partition("::")[0], nodeid)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Forget what a worker has done."""
        nodeid = self.collection[item_index]
        scope = self._split_scope(nodeid)
        given = self.assigned_work[node]
        given[scope][nodeid] = True
        if all(given[scope].values()):
            del given[scope]
        self._reschedule(node)

    def _assign_work_unit(self, node: Any) -> None:
        if not self._places:
            self._places = {nodeid: place for place, nodeid in enumerate(self.collection)}
        scope, work = self.workqueue.popitem(last=False)
        self.assigned_work[node][scope] = work
        node.send_runtest_some([self._places[one] for one, is_done in work.items() if not is_done])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Waiting:
    """Return how the workers get their tests."""
    return Waiting(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on the loop it needs."""
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    if pyfuncitem.get_closest_marker("real"):
        asyncio.run(_until_its_connections_end(function(**arguments)))
    else:
        run_virtual(function(**arguments))
    return True


async def _until_its_connections_end(test: Coroutine[Any, Any, None]) -> None:
    """Run a test, and let its servers see that their clients have gone.

    A loop that ends in between leaves a connection open, which fails some later test in which the garbage collector
    finds it.
    """
    try:
        await test
    finally:
        await last_rounds()


@pytest.fixture(autouse=True)
def levels_of_the_log_are_kept() -> Iterator[None]:
    """Undo what a command sets: the next test would see more or less of the log."""
    loggers = [logging.getLogger(name) for name in (None, "knxgw", "knxgw.wire")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test during which something logged an ERROR."""
    yield
    errors = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not errors, f"logged: {[record.getMessage() for record in errors]}"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Return the shipped catalogue."""
    return load()
