"""A device that ETS holds: what ETS has loaded is shown, and can be changed in ETS only.

What ETS does not know, because it reaches the device by it, stays with the file of the device: those forms are
open. Source: website 46.
"""

from flask import Flask, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.website.pages.common import site

MACHINE_SECTIONS = ("knx", "website", "firmware", "panel")  # of `parameter_memory.OWN`
_EDITING = frozenset(
    {
        "configuration_forms",
        "configuration_import",
        "configuration_objects",
        "configuration_trials",
        "configuration_typing",
        "wizard",
        "wizard_charge",
        "wizard_protocol",
        "wizard_find",
        "wizard_network",
        "wizard_points",
    }
)
_OF_SCRIPTS = frozenset({"configuration_typing"})  # no page to be led to another one
_CONFLICT = 409


def is_held_by_ets() -> bool:
    """Tell whether ETS has loaded this device, or is loading it."""
    return site().bridge.device.configuring.ets.is_held()


def guard(app: Flask) -> None:
    """Close the pages that edit what ETS has loaded, for as long as it holds the device."""
    app.before_request(_refusal)


def _refusal() -> AnyResponse | tuple[str, int] | None:
    """Return where a request goes instead; None: its page is open."""
    if request.blueprint not in _EDITING or not is_held_by_ets():
        return None
    if (request.view_args or {}).get("section") in MACHINE_SECTIONS:
        return None
    return ("", _CONFLICT) if request.blueprint in _OF_SCRIPTS else redirect("/config", 303)
