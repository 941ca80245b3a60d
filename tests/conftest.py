"""Every coroutine test runs in virtual time unless it is marked `real`; an ERROR logged fails it."""

import asyncio
import inspect
import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from knxgw.catalogue.load import catalogue as load
from knxgw.catalogue.model import Catalogue
from knxgw.sim.virtual_time import run_virtual

# The same examples in every run, so that nothing is flaky; `make fuzz` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the tests that mostly wait among those that compute, where workers share a machine.

    They and the long ones come early, so that no worker is the last by far.
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


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on the loop it needs."""
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    if pyfuncitem.get_closest_marker("real"):
        asyncio.run(function(**arguments))
    else:
        run_virtual(function(**arguments))
    return True


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
