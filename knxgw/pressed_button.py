"""What the real programming button brings about at a device that lives.

The panel toggles programming mode itself; this tells the accounts and the service manager. Source:
product 8.20, 8.23, 8.34.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from knxgw.device.button import Outcome
from knxgw.device.front_panel import FrontPanel
from knxgw.website.access.accounts import Accounts
from knxgw.website.access.refusals import BusyError
from knxgw.website.bridge import DeviceControl

log = logging.getLogger(__name__)


class PressedButton:
    """Does what a release of the button asks for, in the accounts and at the device."""

    def __init__(
        self,
        panel: FrontPanel,
        accounts: Accounts,
        device: DeviceControl,
        group: asyncio.TaskGroup,
        in_thread: Callable[[Callable[[], None]], Awaitable[None]] = asyncio.to_thread,
    ) -> None:
        """Act for a panel; `in_thread` does what may wait for the disk."""
        self._panel, self._accounts, self._device = panel, accounts, device
        self._group, self._in_thread = group, in_thread

    def carry_out(self, outcome: Outcome) -> None:
        """Do what a release of the button brings about; on the loop."""
        match outcome:
            case Outcome.TOGGLE_PROGRAMMING:
                after = "on" if self._panel.is_programming else "off"
                self._accounts.note_of_button("programming_mode", after=after)
            case Outcome.RESTORE_PASSWORD:
                self._group.create_task(self._restore_password(), name="restore password")
            case Outcome.FACTORY_RESET if self._device.can_restart:
                self._device.reset()
            case Outcome.FACTORY_RESET:
                log.warning("the device is not reset: nothing would start the program again")
            case Outcome.NOTHING:
                pass

    async def _restore_password(self) -> None:
        """Let the owner in with the initial password for a while."""
        try:
            await self._in_thread(self._accounts.restore_by_button)
        except BusyError:
            log.warning("the initial password is not restored: too much to do; hold it once more")
        except Exception:  # a failed task would end its group, and charging with it
            log.exception("the initial password is not restored: please report this")
