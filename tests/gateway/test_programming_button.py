"""The real programming button of a running gateway: what each press brings about, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from knxgw.device.panel import Led, Meaning
from knxgw.pressed_button import PressedButton
from knxgw.store.accounts import AuditRow
from knxgw.website.access.accounts import Accounts
from knxgw.website.access.answers import Action
from knxgw.website.access.lost_password import BY_BUTTON
from knxgw.website.access.passwords import Hasher
from knxgw.website.bridge import DeviceControl
from tests.support.world import World

SITE = """
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: goe_charger, connection: {host: 127.0.0.1}}
group_objects: {50: [1/1/50]}
"""
OWN = "a sound garage door"


class Contact:
    """A contact that a test closes and opens."""

    def __init__(self, *, is_pressed: bool = False) -> None:
        self.is_there = True
        self.is_pressed = is_pressed
        self._press: Callable[[], None] = lambda: None
        self._release: Callable[[], None] = lambda: None
        self._begin_again: Callable[[bool], None] = lambda _is_pressed: None

    def report_to(
        self,
        press: Callable[[], None],
        release: Callable[[], None],
        begin_again: Callable[[bool], None],
    ) -> None:
        self._press, self._release, self._begin_again = press, release, begin_again

    def lose(self) -> None:
        self.is_there = self.is_pressed = False
        self._begin_again(False)

    def come_back(self, *, is_pressed: bool) -> None:
        self.is_there, self.is_pressed = True, is_pressed
        self._begin_again(is_pressed)

    def close(self) -> None:
        self.is_pressed = True
        self._press()

    def open(self) -> None:
        self.is_pressed = False
        self._release()


class Device:
    """A running gateway with a button, its accounts, and what it was asked to do."""

    def __init__(self, world: World, contact: Contact, state: Path, *, can_restart: bool) -> None:
        self.world, self.contact = world, contact
        self.resets = 0
        self.accounts = Accounts(
            world.gateway.account_store,
            state,
            now=world.gateway.valid_now,
            now_s=asyncio.get_running_loop().time,
            hasher=Hasher(time_cost=1, memory_kib=64),
        )
        self.initial = self.accounts.initial or ""
        control = DeviceControl(can_restart=can_restart, reset=self._reset)
        panel = world.gateway.panel
        pressed = PressedButton(panel, self.accounts, control, world._group, self._in_thread)
        panel.on_outcome = pressed.carry_out

    def _reset(self) -> None:
        self.resets += 1

    @staticmethod
    async def _in_thread(do: Callable[[], None]) -> None:
        do()

    async def hold(self, seconds: float) -> None:
        self.contact.close()
        await self.world.sleep(seconds)
        self.contact.open()
        await self.world.sleep(0.5)

    @property
    def shows(self) -> tuple[Led, Meaning]:
        panel = self.world.gateway.facts().panel
        return panel.programming, panel.meaning

    def own_password(self) -> str:
        """Give the owner a password; return the token of its session."""
        token = self.accounts.log_in(self.initial, address="10.0.0.1").token
        self.accounts.change_password(token, "", OWN, address="10.0.0.1")
        return token

    def newest(self) -> AuditRow:
        return next(iter(self.accounts.audit_rows() or ()))


@asynccontextmanager
async def device(
    state: Path, *, is_pressed: bool = False, can_restart: bool = True
) -> AsyncIterator[Device]:
    contact = Contact(is_pressed=is_pressed)
    async with World(SITE, state, run_gateway=False, contact=contact) as world:
        world.strict = False
        world.start_gateway()
        yield Device(world, contact, state, can_restart=can_restart)


@pytest.mark.proves("8.20")
async def test_a_short_press_toggles_programming_mode_and_the_history_tells_it(
    tmp_path: Path,
) -> None:
    async with device(tmp_path) as at:
        await at.world.sleep(30)
        assert at.shows[0] is Led.OFF
        for led, word in ((Led.ON, "on"), (Led.OFF, "off")):
            await at.hold(0.4)
            assert at.shows[0] is led
            row = at.newest()
            assert (row.action, row.address, row.after) == ("programming_mode", BY_BUTTON, word)


@pytest.mark.long
@pytest.mark.proves("8.20")
@pytest.mark.parametrize("held_s", [3.0, 9.5, 20.5, 45.0, 600.0])
async def test_a_longer_press_does_nothing(held_s: float, tmp_path: Path) -> None:
    async with device(tmp_path) as at:
        await at.world.sleep(30)
        token = at.own_password()
        before = at.newest()
        await at.hold(held_s)
        assert at.shows == (Led.OFF, Meaning.RUNNING)
        assert at.newest() == before
        assert at.accounts.session_of(token) is not None
        assert at.resets == 0


@pytest.mark.proves("W13", "8.34", "8.35")
async def test_held_for_ten_to_twenty_seconds_it_restores_the_initial_password(
    tmp_path: Path,
) -> None:
    async with device(tmp_path) as at:
        await at.world.sleep(30)
        token = at.own_password()
        at.contact.close()
        await at.world.sleep(9.9)
        assert at.shows == (Led.OFF, Meaning.RUNNING)
        await at.world.sleep(0.2)
        assert at.shows == (Led.RAPID, Meaning.RESTORES_PASSWORD)
        await at.world.sleep(5)
        assert at.accounts.session_of(token) is not None, "nothing yet: the release decides"
        at.contact.open()
        await at.world.sleep(0.1)
        assert at.shows == (Led.OFF, Meaning.RUNNING)
        assert at.accounts.session_of(token) is None, "the owner's sessions have ended"
        assert at.accounts.notice().restored_for_s == pytest.approx(600, abs=1)
        row = at.newest()
        assert (row.action, row.address) == (Action.INITIAL_PASSWORD, BY_BUTTON)
        assert at.accounts.log_in(OWN, address="10.0.0.1").session is None
        await at.world.sleep(60)
        session = at.accounts.log_in(at.initial, address="10.0.0.1").session
        assert session is not None
        assert session.must_change
        assert at.world.gateway.is_ready, "charging goes on"


@pytest.mark.long
@pytest.mark.proves("8.34")
async def test_after_ten_minutes_the_password_of_before_holds_again(tmp_path: Path) -> None:
    async with device(tmp_path) as at:
        await at.world.sleep(30)
        at.own_password()
        await at.hold(15)
        await at.world.sleep(601)
        assert at.accounts.log_in(at.initial, address="10.0.0.1").session is None
        await at.world.sleep(60)
        assert at.accounts.log_in(OWN, address="10.0.0.1").session is not None


async def reset_sequence(at: Device) -> None:
    """Do what the manual says, beginning with a button that is held since power came."""
    await at.world.sleep(29)
    assert at.shows[1] is not Meaning.RESET_ARMED
    await at.world.sleep(2)
    assert at.shows == (Led.SLOW, Meaning.RESET_ARMED)
    at.contact.open()
    await at.world.sleep(1)
    at.contact.close()
    await at.world.sleep(6)
    assert at.shows == (Led.RAPID, Meaning.RESET_READY)
    at.contact.open()
    await at.world.sleep(0.5)


@pytest.mark.proves("8.21", "8.22", "8.23")
async def test_the_sequence_of_the_manual_resets_the_device(tmp_path: Path) -> None:
    async with device(tmp_path, is_pressed=True) as at:
        await reset_sequence(at)
        assert at.resets == 1
        assert at.shows[1] is Meaning.RUNNING


async def test_where_nothing_starts_the_program_again_it_is_not_reset(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with device(tmp_path, is_pressed=True, can_restart=False) as at:
        await reset_sequence(at)
        assert at.resets == 0
        assert "nothing would start the program again" in caplog.text


@pytest.mark.proves("8.25")
async def test_a_button_that_is_held_while_only_the_program_starts_again_resets_nothing(
    tmp_path: Path,
) -> None:
    async with device(tmp_path) as at:
        await at.world.sleep(5)
    async with device(tmp_path, is_pressed=True) as at:
        await at.world.sleep(31)
        assert at.shows == (Led.OFF, Meaning.RUNNING)
        at.contact.open()
        await at.world.sleep(1)
        await at.hold(6)
        assert at.resets == 0
        await at.hold(0.4)
        assert at.shows[0] is Led.ON, "the next short press counts"


@pytest.mark.proves("8.40")
async def test_a_contact_that_goes_gives_up_what_was_begun(tmp_path: Path) -> None:
    async with device(tmp_path) as at:
        await at.world.sleep(30)
        token = at.own_password()
        at.contact.close()
        await at.world.sleep(12)
        assert at.shows == (Led.RAPID, Meaning.RESTORES_PASSWORD)
        at.contact.lose()
        await at.world.sleep(1)
        assert at.shows == (Led.OFF, Meaning.RUNNING)
        assert not at.world.gateway.panel.has_button
        at.contact.come_back(is_pressed=True)
        await at.world.sleep(12)
        assert at.shows == (Led.OFF, Meaning.RUNNING), "it has not been pressed here"
        at.contact.open()
        await at.world.sleep(1)
        assert at.accounts.session_of(token) is not None
        assert at.resets == 0
        await at.hold(0.4)
        assert at.shows[0] is Led.ON, "the next press counts"


async def test_without_a_contact_there_is_no_button(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        assert not world.gateway.panel.has_button
    async with device(tmp_path) as at:
        assert at.world.gateway.panel.has_button


@pytest.mark.proves("W13")
async def test_a_press_of_the_page_is_none_of_the_button(tmp_path: Path) -> None:
    async with device(tmp_path) as at:
        await at.world.sleep(30)
        at.world.gateway.set_programming(True)
        await at.world.sleep(15)
        assert at.shows[0] is Led.ON
        at.world.gateway.set_programming(False)
        await at.world.sleep(1)
        assert at.accounts.notice().restored_for_s is None
