"""The web application: puts security, pages and interfaces together."""

from http import HTTPStatus
from typing import Any

from flask import Flask, g, request
from flask_babel import Babel
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from knxgw import __version__
from knxgw.monitoring.csv_table import plain_text
from knxgw.website import assets
from knxgw.website.access.answers import SessionView
from knxgw.website.access.roles import Right
from knxgw.website.api import events, plot
from knxgw.website.api import session as session_api
from knxgw.website.api import uploads as uploads_api
from knxgw.website.bridge import Bridge
from knxgw.website.ets_reading import Readings
from knxgw.website.language import FALLBACK, FOLDER, LANGUAGES, choose, own_name
from knxgw.website.live import Live
from knxgw.website.one_at_a_time import OneAtATime
from knxgw.website.pages import (
    account,
    accounts,
    certificate,
    common,
    configuration,
    configuration_forms,
    configuration_import,
    configuration_keyring,
    configuration_objects,
    configuration_trials,
    configuration_typing,
    diagnostics,
    firmware,
    group_monitor,
    held_by_ets,
    help_pages,
    history,
    knx_device,
    logs,
    modbus_monitor,
    models,
    more,
    neighbourhood,
    network,
    objects,
    point,
    self_test,
    settings,
    status,
    support,
    time_settings,
    too_large,
    wizard,
    wizard_charge,
    wizard_find,
    wizard_network,
    wizard_points,
    wizard_protocol,
)
from knxgw.website.panel_words import pattern_words
from knxgw.website.publisher import Publisher
from knxgw.website.security import Gate, log_in_page, page_asked_from
from knxgw.website.table_roles import with_roles
from knxgw.website.uploads import Uploads

BLUEPRINTS = (
    common.pages,
    account.pages,
    accounts.pages,
    status.pages,
    point.pages,
    more.pages,
    help_pages.pages,
    settings.pages,
    network.pages,
    time_settings.pages,
    too_large.pages,
    certificate.pages,
    configuration.pages,
    configuration_forms.pages,
    configuration_import.pages,
    configuration_keyring.pages,
    configuration_objects.pages,
    configuration_trials.pages,
    configuration_typing.pages,
    diagnostics.pages,
    firmware.pages,
    group_monitor.pages,
    history.pages,
    knx_device.pages,
    logs.pages,
    modbus_monitor.pages,
    models.pages,
    neighbourhood.pages,
    objects.pages,
    self_test.pages,
    support.pages,
    wizard.pages,
    wizard_charge.pages,
    wizard_find.pages,
    wizard_network.pages,
    wizard_points.pages,
    wizard_protocol.pages,
    events.api,
    plot.api,
    session_api.api,
    uploads_api.api,
)


def create_app(
    bridge: Bridge,
    publisher: Publisher,
    uploads: Uploads | None = None,
    readings: Readings | None = None,
) -> Flask:
    """Return the web application of a device; whoever gives `uploads` and `readings` closes them."""
    uploads = uploads or Uploads(bridge.now_s)
    app = Flask(__name__, static_folder=None)
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(FOLDER)
    Babel(app, default_locale=FALLBACK, locale_selector=lambda: language_code(bridge))
    gate = Gate(
        accounts=bridge.accounts, cookie=bridge.reach.cookie, host_names=bridge.reach.host_names
    )
    live = Live(bridge, publisher)
    gate.guard(app)
    held_by_ets.guard(app)
    app.extensions["knxgw"] = common.Site(
        bridge=bridge,
        gate=gate,
        live=live,
        drafts=bridge.setup.unapplied.drafts,
        wizards=bridge.setup.unapplied.wizards,
        uploads=uploads,
        readings=readings or Readings(uploads, bridge.now_s),
        checks=OneAtATime(),
    )
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.context_processor(lambda: _surroundings(bridge))
    app.add_template_filter(with_roles)
    app.register_error_handler(HTTPException, _error)
    return app


def language_code(bridge: Bridge) -> str:
    """Return the language of this request."""
    accepted = request.accept_languages.best_match(LANGUAGES)
    return choose(None, request.cookies.get(common.LANGUAGE_COOKIE), accepted, bridge.language())


def _surroundings(bridge: Bridge) -> dict[str, Any]:
    """Return what every template may use."""
    session: SessionView | None = g.get("session")
    language = common.language()
    theme = request.cookies.get(common.THEME_COOKIE, "auto")
    is_in = session is not None and not session.must_change
    return {
        "language": language,
        "languages": {code: own_name(code) for code in LANGUAGES},
        "theme": theme if theme in common.THEMES else "auto",
        "site_name": plain_text(bridge.name()) if is_in else "knxgw",
        "account": session if is_in else None,
        "version": __version__,
        "menu": common.menu(session, language) if is_in else (),
        "here": request.path,
        "printed_at": language.moment(bridge.utc_now(), None),
        "asset": assets.address_of,
        "csrf": lambda: _csrf(session),
        "may": lambda right: session is not None and session.may(Right(right)),
        "may_charge": lambda number: session is not None and session.may_charge(number),
        "notices": common.notices(bridge, session),
        "script_words": common.script_words(language),
        "is_secure": request.is_secure,
        "pattern_words": lambda led: pattern_words(led, language),
    }


def _csrf(session: SessionView | None) -> Markup:
    """Return the hidden field that a form of this session carries."""
    field = Markup('<input type="hidden" name="csrf" value="{}">')
    return field.format("" if session is None else session.csrf)


def _error(error: HTTPException) -> AnyResponse | tuple[str, int]:
    """Return an error as a page, or as problem details where a program asked."""
    if isinstance(error.response, AnyResponse):
        return error.response
    if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return too_large.too_large_page(request.path)
    if request.path.startswith("/api/"):
        return common.problem(error.code or 500, error.name, error.description or "")
    words = common.error_words(error.code or 500, common.language())
    if error.code == HTTPStatus.UNAUTHORIZED:
        return common.error_page(words, error.code, log_in_page(page_asked_from("/")))
    return common.error_page(words, error.code or 500)
