"""The group of all commands: what becomes of their errors, and of an output that nobody reads."""

import io
import sys
from typing import Any

import click

from knxgw.commands.terminal import (
    OUTPUT_ERRORS,
    STATUS_NOBODY_READS,
    give_closed_streams_a_place,
    nobody_reads,
)
from knxgw.errors import ConfigError, GatewayError


class Commands(click.Group):
    """Turns our own errors into a message and exit status 1; a traceback would be a bug."""

    def main(self, *arguments: Any, **settings: Any) -> Any:  # noqa: ANN401 - click's own shape
        """Run a command; what the terminal has no character for becomes a question mark."""
        give_closed_streams_a_place()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command whose output may end at any time: nobody reads it, the disk is full."""
        try:
            return self._invoke(ctx)
        except BrokenPipeError:  # `knxgw objects | head`
            nobody_reads()
            return ctx.exit(STATUS_NOBODY_READS)
        except OSError as err:
            if err.errno not in OUTPUT_ERRORS:
                raise
            nobody_reads()
            click.echo(f"error: the output cannot be written: {err.strerror}", err=True)
            return ctx.exit(1)

    def _invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigError as err:
            for finding in err.findings:
                click.echo(str(finding), err=True)
        except GatewayError as err:
            click.echo(f"error: {err}", err=True)
        return ctx.exit(1)
