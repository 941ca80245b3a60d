"""The device description of UPnP, which Windows and others fetch. Source: website 61."""

from flask import Blueprint, Response, abort, request

from knxgw.links.discovery.introduction import DESCRIPTION_PATH
from knxgw.website.neighbourhood import device_description
from knxgw.website.pages.common import site
from knxgw.website.security import public

pages = Blueprint("neighbourhood", __name__)


@pages.get(DESCRIPTION_PATH)
@public
def describe() -> Response:
    """Say what the device is, to everybody who has found it."""
    found = device_description(site().bridge, request.host)
    if found is None:
        abort(404)
    return Response(found.content, content_type=found.mime_type)
