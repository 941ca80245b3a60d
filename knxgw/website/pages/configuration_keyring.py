"""The keyring of KNX Secure: uploaded with its password, checked, and named by the draft. Source: website 66."""

from pathlib import Path

from flask import Blueprint, abort, render_template, request

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, edited
from knxgw.config.edit_yaml import Path as KeyPath
from knxgw.config.load import parse_configuration
from knxgw.errors import ConfigError, with_remedy
from knxgw.ets.keyring_match import keyring_report
from knxgw.store.trouble import StateError
from knxgw.website.access.roles import Right
from knxgw.website.configuring import NotHereError
from knxgw.website.drafts import Draft
from knxgw.website.field_findings import TONES, FindingText
from knxgw.website.pages.common import address, https_address, language, session, site
from knxgw.website.pages.configuration_forms import draft_now, keep_draft, not_editable
from knxgw.website.security import needs
from knxgw.website.uploads import FORM_KIB

pages = Blueprint("configuration_keyring", __name__)
LONGEST_PASSWORD = 200  # characters


@pages.get("/config/keyring")
@needs(Right.CONFIGURATION)
def keyring() -> str:
    """Say which keyring the draft names, and take another one."""
    return _page()


@pages.post("/config/keyring")
@needs(Right.CONFIGURATION)
def upload() -> str | tuple[str, int]:
    """Check a keyring, keep it and let the draft name it; neither keys nor password are ever shown."""
    if not request.is_secure:
        abort(409)  # the page has no form for it then
    given = request.files.get("keyring")
    content = b"" if given is None else given.stream.read(FORM_KIB * 1024 + 1)
    password = request.form.get("password", "")[:LONGEST_PASSWORD]
    words, draft = language(), draft_now()
    try:
        kept = site().bridge.device.configuring.keep_keyring(content, password)
        paths: dict[KeyPath, object | None] = {
            ("knx", "keyring"): str(kept.keyring),
            ("knx", "keyring_password_file"): str(kept.password),
        }
        text = edited(draft.text, paths)
    except ConfigError:
        wrong = words.text("That is no keyring of ETS, or not its password. Nothing was changed.")
        return _page(wrong), 400
    except StateError as err:
        return _page(with_remedy(err.words.problem(words.code), err.words.remedy(words.code))), 409
    except NotHereError:
        abort(409)
    except NotEditableError as err:
        return not_editable(err)
    keep_draft(Draft(text=text, based_on=draft.based_on))
    site().bridge.accounts.note(
        session(), "keyring_uploaded", address=address(), after=Path(kept.keyring).stem
    )
    configuration = parse_configuration(text, catalogue(), is_offline=True).configuration
    linked = (
        []
        if configuration is None
        else sorted(
            {one for link in configuration.group_objects.values() for one in link.addresses}
        )
    )
    own = None if configuration is None else configuration.knx.individual_address
    found = [
        FindingText(TONES[severity], said.problem(words.code))
        for severity, said in keyring_report(kept.contents, own, linked, ())
    ]
    return _page(found=found)


def _page(wrong: str = "", found: list[FindingText] | None = None) -> str:
    configuration = parse_configuration(
        draft_now().text, catalogue(), is_offline=True
    ).configuration
    named = None if configuration is None else configuration.knx.keyring
    return render_template(
        "configuration_keyring.html",
        wrong=wrong,
        found=found,
        named="" if named is None else Path(named).name,
        https=https_address(),
    )
