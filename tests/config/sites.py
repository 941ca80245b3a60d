"""Small sites for the tests of the configuration, and what reading them gives."""

from textwrap import dedent

from knxgw.catalogue.load import catalogue
from knxgw.config.load import LoadedConfiguration, parse_configuration
from knxgw.config.model import Configuration
from knxgw.errors import Severity

KNX = "knx: {link: tunnelling, gateway: 192.168.1.10}\n"
HOME = f"""\
{KNX}charging_points:
  - {{number: 1, model: keba_p30, connection: {{host: 192.168.1.31}}}}
"""
DYNAMIC = """\
load_management: {mode: dynamic, fuse_a: 35}
group_objects: {10: 1/0/10, 11: 1/0/11, 12: 1/0/12}
"""


def read(text: str) -> LoadedConfiguration:
    """Return what the text of a file gives."""
    return parse_configuration(dedent(text), catalogue(), name="site.yaml")


def configuration(text: str) -> Configuration:
    """Return the configuration; the text has no mistakes."""
    loaded = read(text)
    assert loaded.configuration is not None, "\n".join(str(one) for one in loaded.findings)
    return loaded.configuration


def errors(text: str) -> list[str]:
    """Return the errors as `check` prints them."""
    return [str(one) for one in read(text).findings if one.severity is Severity.ERROR]


def warnings(text: str) -> list[str]:
    """Return the warnings as `check` prints them."""
    return [str(one) for one in read(text).findings if one.severity is Severity.WARNING]


def points(*entries: str) -> str:
    """Return a site with the charging points written as flow mappings, from line 3 on."""
    return f"{KNX}charging_points:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)
