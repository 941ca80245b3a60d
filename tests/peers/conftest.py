"""A test of a library needs the environment its module names as ENVIRONMENT."""

import pytest

from tests.peers.environments import Environment
from tests.peers.peer import require


@pytest.fixture(autouse=True)
def environment_is_there(request: pytest.FixtureRequest) -> None:
    """Skip or fail a test before anything is started for it."""
    environment = getattr(request.module, "ENVIRONMENT", None)
    if isinstance(environment, Environment):
        require(environment)
