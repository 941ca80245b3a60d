"""What the running device hands the pages of its website: functions that they may call from their threads.

A page cannot wait on the event loop. Whatever has to run there is wrapped here: the page waits for it, but never for
ever.
"""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

from knxgw.announcement import Announcement
from knxgw.config.model import Configuration
from knxgw.gateway import Gateway
from knxgw.host.on_loop import wait_on
from knxgw.judgement import identity
from knxgw.knx_device_facts import knx_device_facts
from knxgw.knx_server import KnxServer
from knxgw.monitoring.log_ring import SIMPLE, LogRecorder
from knxgw.service import Service
from knxgw.website.bridge import DeviceControl, Diagnostics, Reach
from knxgw.website.encryption import Encryption
from knxgw.website.knx_facts import KnxDeviceFacts
from knxgw.website.names import host_names
from knxgw.website.recordings import Objects, Requests, SelfTest, Telegrams

PAGE_WAITS_S = 20.0


def control_of(gateway: Gateway, log: LogRecorder, given: DeviceControl) -> DeviceControl:
    """Return what pages may have done to the device: what was `given`, and what the gateway does itself."""
    return replace(
        given,
        set_programming=gateway.set_programming,
        set_logging=partial(set_logging, log, asyncio.get_running_loop()),
    )


def reach_of(
    gateway: Gateway, encryption: Encryption, announcement: Announcement, file: Path | None
) -> Reach:
    """Return where the website is reached; `file`: the configuration, by which `/health` is known."""
    return Reach(
        host_names=lambda: host_names(gateway.configuration) | announcement.host_names,
        introduction=announcement.introduction,
        trusted_proxy=lambda: trusted_proxy(gateway.configuration),
        certificate=lambda: encryption.current,
        redirects=lambda: encryption.redirects,
        encryption=encryption,
        identity=identity(file),
    )


def diagnostics_of(
    gateway: Gateway, server: KnxServer, service: Service, log: LogRecorder
) -> Diagnostics:
    """Return what a technician looks at, and may try out at the running device."""
    wait = partial(wait_on, asyncio.get_running_loop(), limit_s=PAGE_WAITS_S)
    return Diagnostics(
        plot=gateway.recorder.read_plot,
        telegrams=Telegrams(kept=gateway.recorder.telegrams, interpret=gateway.objects.interpret),
        requests=Requests(
            kept=gateway.recorder.requests,
            explain=service.explain,
            devices=service.device_names,
            read_once=lambda *what: wait(service.read_registers(*what)),
        ),
        objects=Objects(
            listed=service.list_objects,
            read=lambda number: wait(service.read_object(number)),
            send=lambda number: wait(service.send_object(number)),
            write=lambda number, text: wait(service.write_object(number, text)),
        ),
        logs=log,
        self_test=SelfTest(
            progress=lambda: service.self_test.progress, start=service.start_self_test
        ),
        history=gateway.history,
        knx_device=lambda: wait(_knx_device(gateway, server)),
    )


async def _knx_device(gateway: Gateway, server: KnxServer) -> KnxDeviceFacts:
    return knx_device_facts(gateway, server)  # it may be read on the loop only


def set_logging(
    log_recorder: LogRecorder,
    loop: asyncio.AbstractEventLoop,
    is_extended: bool,  # noqa: FBT001 - a mode is one or the other
) -> None:
    """Log everything for an hour at most, or only what matters; safe from any thread."""
    if is_extended:
        loop.call_soon_threadsafe(lambda: log_recorder.extend(loop.time()))
    else:
        loop.call_soon_threadsafe(log_recorder.set_mode, SIMPLE)


def trusted_proxy(configuration: Configuration | None) -> str | None:
    """Return the address of the only proxy that is believed, None: there is none."""
    return None if configuration is None else configuration.website.trusted_proxy
