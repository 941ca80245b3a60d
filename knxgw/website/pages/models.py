"""What a device model supplies, for a page and for the picker of a form. Source: website 63."""

from dataclasses import asdict

from flask import Blueprint, Response, abort, jsonify, render_template

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.website.access.roles import Right
from knxgw.website.model_words import ModelFacts, facts_of
from knxgw.website.pages.common import language
from knxgw.website.security import needs

pages = Blueprint("models", __name__)


@pages.get("/config/models/<kind>/<model_id>")
@needs(Right.CONFIGURATION)
def model(kind: str, model_id: str) -> str:
    """Show what a model supplies."""
    return render_template("model.html", facts=model_facts(kind, model_id))


@pages.get("/config/models/<kind>/<model_id>.json")
@needs(Right.CONFIGURATION)
def model_as_json(kind: str, model_id: str) -> Response:
    """Return the same for the picker of a form."""
    return jsonify(asdict(model_facts(kind, model_id)))


def model_facts(kind: str, model_id: str) -> ModelFacts:
    """Return what there is to know about a model; there is no page of another."""
    found = _model(kind, model_id)
    if found is None:
        abort(404)
    return facts_of(found, catalogue().product, language())


def facts_of_chosen(kind: str, model_id: str) -> ModelFacts | None:
    """Return what there is to know about the model that a form names, None: there is no such model."""
    found = _model(kind, model_id)
    return None if found is None else facts_of(found, catalogue().product, language())


def _model(kind: str, model_id: str) -> DeviceModel | None:
    models = {DeviceKind.CHARGER: catalogue().chargers, DeviceKind.METER: catalogue().meters}
    return models[DeviceKind(kind)].get(model_id) if kind in set(DeviceKind) else None
