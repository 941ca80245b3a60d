"""Prints `docs/conformance.md`: `python -m tests.conformance > docs/conformance.md`."""

import sys

from knxgw.catalogue.load import catalogue
from tests.conformance.collect import collect
from tests.conformance.render import conformance_page
from tests.conformance.rules import RULES, read_rules
from tests.support.pages import rule_places

sections = read_rules(RULES.read_text(encoding="utf-8"))
sys.stdout.write(conformance_page(catalogue().objects, sections, collect(), rule_places()))
