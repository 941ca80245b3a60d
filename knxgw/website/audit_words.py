"""Rows of the audit in words: who did what, and what it changed. Pure."""

import re
from collections.abc import Mapping

from knxgw.store.accounts import AuditRow
from knxgw.website.access.answers import Action
from knxgw.website.access.lost_password import BY_BUTTON, BY_HOST
from knxgw.website.access.roles import Role
from knxgw.website.language import Language, marked

ROLES: Mapping[str, str] = {
    Role.OWNER: marked("Owner"),
    Role.ADMINISTRATOR: marked("Administrator"),
    Role.USER: marked("User"),
    Role.VIEWER: marked("Viewer"),
}
ACTIONS: Mapping[str, str] = {
    Action.LOGGED_IN: marked("logged in"),
    Action.LOGGED_OFF: marked("logged off"),
    Action.LOG_INS_FAILED: marked("failed attempts to log in"),
    Action.PASSWORD_CHANGED: marked("password changed"),
    Action.PASSWORD_RENEWED: marked("new first password for an account"),
    Action.INITIAL_PASSWORD: marked("initial password restored"),
    Action.SESSIONS_ENDED: marked("ended other sessions"),
    Action.ACCOUNT_CREATED: marked("account created"),
    Action.ACCOUNT_CHANGED: marked("account changed"),
    Action.ACCOUNT_REMOVED: marked("account removed"),
    Action.HANDED_OVER: marked("ownership handed over"),
    "point_start": marked("charging started"),
    "point_stop": marked("charging stopped"),
    "point_unlock": marked("cable unlocked"),
    "point_interrupt": marked("charging interrupted"),
    "point_resume": marked("charging resumed"),
    "point_setpoint": marked("setpoint changed"),
    "keyring_uploaded": marked("keyring uploaded"),
    "point_identified": marked("charging interrupted for ten seconds, to tell which one it is"),
    "first_charge": marked("first charge begun"),
    "devices_searched": marked("devices searched for"),
    "programming_mode": marked("programming mode"),
    "logging_mode": marked("logging mode"),
    "log_downloaded": marked("log file downloaded"),
    "object_written": marked("group object written for service"),
    "firmware_downloaded": marked("firmware downloaded"),
    "firmware_uploaded": marked("firmware uploaded"),
    "firmware_installed": marked("firmware installed"),
    "restart": marked("device restarted"),
    "machine_restarted": marked("machine restarted"),
    "certificate_made": marked("certificate made by the device"),
    "certificate_uploaded": marked("certificate uploaded"),
    "certificate_removed": marked("uploaded certificate removed"),
    "network_changed": marked("network settings changed"),
    "network_by_tool": marked("network settings changed by a KNX tool"),
    "network_of_tool_refused": marked("network settings of a KNX tool refused"),
    "network_kept": marked("network settings kept"),
    "network_returned": marked("network settings returned"),
    "clock_set": marked("clock set"),
    "configuration_taken": marked("configuration read again"),
    "configuration_changed": marked("configuration changed"),
    "ets_loaded": marked("loaded by ETS"),
    "ets_unloaded": marked("unloaded by ETS"),
}
VALUES: Mapping[str, str] = {
    "on": marked("on"),
    "off": marked("off"),
    "simple": marked("Simple"),
    "extended": marked("Extended"),
    "automatic": marked("automatic"),
}
_POINT = re.compile(r"cp(\d+)(?: (\d+) mA)?")
_ACCOUNT = re.compile(r"(?P<name>.*): (?P<role>[a-z]+)(?: (?P<points>[\d,]+))?")


def action_words(row: AuditRow, words: Language) -> str:
    """Return what was done; an action of a newer version as it stands in the store."""
    found = ACTIONS.get(row.action)
    return row.action.replace("_", " ") if found is None else words.text(found)


def change_words(row: AuditRow, words: Language) -> str:
    """Return what it was done to, or what was there before and after."""
    return " → ".join(_value(one, words) for one in (row.before, row.after) if one)


def address_words(row: AuditRow, words: Language) -> str:
    """Return where it came from: an address, or the device itself."""
    from_device = {BY_BUTTON: marked("programming button"), BY_HOST: marked("file of the host")}
    return words.text(from_device[row.address]) if row.address in from_device else row.address


def _value(value: str, words: Language) -> str:
    if value in VALUES:
        return words.text(VALUES[value])
    if point := _POINT.fullmatch(value):
        name = words.text("Charging point {number}", number=point[1])
        return name if point[2] is None else f"{name}: {words.ampere(int(point[2]))}"
    account = _ACCOUNT.fullmatch(value)
    if account is None or account["role"] not in ROLES:
        return value
    role = words.text(ROLES[account["role"]])
    points = "" if account["points"] is None else f" ({account['points'].replace(',', ', ')})"
    return f"{account['name']}: {role}{points}"
