"""The twin of a configuration file for the pages: no device behind it, and none that could refuse."""

from dataclasses import replace
from typing import Any

from knxgw.catalogue.load import catalogue
from knxgw.config.effects import effects_of
from knxgw.config.load import parse_configuration
from knxgw.store.configurations import Configurations
from knxgw.website.bridge import DeviceControl
from knxgw.website.configuring import Checked, Configuring, Outcome, Proposal


class Own:
    """A configuration that pages may change; what they propose is taken as it is."""

    def __init__(self, text: str, kept: Configurations | None = None) -> None:
        self.text = text
        self.kept = kept  # the previous versions; None: there are none
        self.proposed: list[Proposal] = []

    def check(self, text: str) -> Checked:
        """Return what a text would mean, wherever the tests run."""
        before, loaded = (
            parse_configuration(one, catalogue(), is_offline=True) for one in (self.text, text)
        )
        if loaded.configuration is None:
            return Checked(findings=loaded.findings)
        effects = effects_of(before.configuration, loaded.configuration)
        return Checked(findings=loaded.findings, can_run=True, effects=effects)

    def propose(self, proposal: Proposal) -> Outcome:
        """Take a text."""
        self.proposed.append(proposal)
        self.text = proposal.text
        return Outcome(is_taken=True)

    def control(self, **given: Any) -> DeviceControl:
        """Return what pages may ask; `given` are further fields of `Configuring`."""
        configuring = Configuring(
            has_file=True,
            text=lambda: self.text,
            place=lambda: "/etc/knxgw/knxgw.yaml",
            is_writable=lambda: True,
            check=self.check,
            propose=self.propose,
            **given,
        )
        if self.kept is None:
            return DeviceControl(configuring=configuring)
        return DeviceControl(
            configuring=replace(configuring, versions=self.kept.versions, version=self.kept.version)
        )
