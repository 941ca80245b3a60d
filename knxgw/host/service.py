"""Whether somebody starts the program again when it ends: a service manager, or a container."""

import os

RESTART_STATUS = 75  # exit status of an end that asks to be started again
_SIGNS = ("INVOCATION_ID", "KNXGW_SUPERVISED")  # systemd sets the first one


def is_supervised() -> bool:
    """Tell whether the program is run by something that starts it again.

    systemd says so in the environment; the first process of a container is restarted by its runtime;
    whoever has another supervisor sets KNXGW_SUPERVISED.
    """
    return any(os.environ.get(sign) for sign in _SIGNS) or os.getpid() == 1
