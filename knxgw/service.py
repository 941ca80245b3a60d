"""What a technician does at a running device: group objects, registers, the self-test.

The website hands its questions over here. Whatever touches the loop is a coroutine; the rest is safe from
any thread.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from knxgw.appliance_test import no_appliance
from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.device_model import MAX_REGISTERS
from knxgw.catalogue.points import Table
from knxgw.config.devices import DeviceId
from knxgw.dlm.meter import age_s
from knxgw.errors import RejectedError
from knxgw.gateway import Gateway
from knxgw.knx.frames import Outcome
from knxgw.knx_connection import NO_KNX
from knxgw.links.knx_group_communication import group_frame
from knxgw.modbus.explain import explain
from knxgw.modbus.requests import Read
from knxgw.modbus.spare_reads import spare_block
from knxgw.modbus.writing import Write
from knxgw.monitoring.objects import ObjectLine
from knxgw.monitoring.requests import Exchange, RequestWords
from knxgw.monitoring.self_test import (
    Row,
    SelfTestRun,
    of_addresses,
    of_certificate,
    of_clock,
    of_gpio,
    of_knx,
    of_smart_meter,
)
from knxgw.objects.listing import ObjectSources, listing
from knxgw.self_test import DeviceUnderTest, run_self_test

log = logging.getLogger(__name__)
NOT_CONFIGURED = "the device is not configured"


def _no_certificate() -> Row:
    return of_certificate(is_used=False, is_valid=False, ends_soon=False)


def _no_gpio() -> Row:
    return of_gpio(is_used=False)


class Service:
    """The hands of a technician at one device."""

    def __init__(
        self,
        gateway: Gateway,
        group: asyncio.TaskGroup,
        certificate: Callable[[], Row] = _no_certificate,
        gpio: Callable[[], Row] = _no_gpio,
        appliance: Callable[[], Sequence[Row]] = no_appliance,
    ) -> None:
        """Serve at a gateway; a self-test runs in a task of the group.

        `certificate` judges that of the website, `gpio` the lines of the front panel, `appliance` firmware,
        time servers and network; it may block.
        """
        self._certificate, self._gpio, self._appliance = certificate, gpio, appliance
        self._gateway = gateway
        self._group = group
        self._loop = asyncio.get_running_loop()
        self.self_test = SelfTestRun()

    def start_self_test(self) -> None:
        """Run the self-test, unless it runs already; safe from any thread."""
        self._loop.call_soon_threadsafe(self._begin_self_test)

    def _begin_self_test(self) -> None:
        if not self.self_test.progress.is_running:
            self._group.create_task(self._test_itself(), name="self-test")

    async def _test_itself(self) -> None:
        """Run the self-test. An error of its own is no reason to end the device."""
        try:
            await self._run_self_test()
        except Exception:
            log.exception("the self-test failed: please report this")

    async def _run_self_test(self) -> None:
        await run_self_test(
            DeviceUnderTest(
                store=self._gateway.store_took_s,
                directory=self._gateway.world.database.directory,
                clock=lambda: of_clock(
                    is_valid=self._gateway.valid_now() is not None,
                    is_synchronised=self._gateway.world.is_synchronised(),
                ),
                knx=lambda: of_knx(is_used=self._gateway.is_on_knx, is_up=self._gateway.knx_is_up),
                load_management=self._test_load_management,
                certificate=self._certificate,
                gpio=self._gpio,
                appliance=self._test_appliance,
                buses=lambda: (
                    None if self._gateway.application is None else self._gateway.application.buses
                ),
                took_s=self._gateway.recorder.requests.took_s,
            ),
            self.self_test,
        )

    async def _test_appliance(self) -> Sequence[Row]:
        """Look at what may block in the thread of the store."""
        return await self._loop.run_in_executor(self._gateway.world.executor, self._appliance)

    def _test_load_management(self) -> tuple[Row, Row]:
        station = None if self._gateway.application is None else self._gateway.application.station
        settings = None if station is None else station.load_management_settings
        shared = None if station is None else station.load_management
        if station is None or settings is None or shared is None:
            return (
                of_addresses(is_used=False, are_missing=False),
                of_smart_meter(is_used=False, age_s=None, timeout_s=0.0),
            )
        missing = FaultCode.DLM_ASSOCIATION in station.faults.present
        return (
            of_addresses(is_used=True, are_missing=missing),
            of_smart_meter(
                is_used=settings.static_limit_ma is None,
                age_s=age_s(shared.meter, settings, self._loop.time()),
                timeout_s=settings.timeout_s,
            ),
        )

    def list_objects(self, language: str) -> tuple[ObjectLine, ...]:
        """Return every group object as it is now; none of an unconfigured device."""
        configuration = self._gateway.configuration
        if configuration is None:
            return ()
        now, now_s = self._gateway.world.wall_clock(), self._loop.time()
        sources = ObjectSources(
            configuration=configuration,
            catalogue=self._gateway.catalogue,
            running=self._gateway.objects.by_number,
            news=self._gateway.recorder.telegrams.news,
            when=lambda seen_at: now - timedelta(seconds=now_s - seen_at),
        )
        return listing(sources, language)

    async def read_object(self, number: int) -> None:
        """Read a group object from the bus. Raises: RejectedError."""
        self._gateway.connected_port()
        self._gateway.objects.read_again(number)
        self._gateway.wake_knx()

    async def send_object(self, number: int) -> None:
        """Send the value that a group object has. Raises: RejectedError."""
        self._gateway.connected_port()
        self._gateway.objects.send_again(number)
        self._gateway.wake_knx()

    async def write_object(self, number: int, text: str) -> None:
        """Write an input as a service: on the bus, and to our own objects there. Raises: RejectedError."""
        port = self._gateway.connected_port()
        address, apci = self._gateway.objects.service_write(number, text)
        data = group_frame(port.individual_address, address, apci)
        if await port.send(data) is Outcome.DROPPED:
            raise RejectedError(NO_KNX)
        for command in self._gateway.objects.received(address, apci, self._loop.time()):
            self._gateway.inbox.put(command)
        self._gateway.wake_knx()

    def device_names(self) -> tuple[tuple[str, str], ...]:
        """Return identity and name of each device on Modbus; safe from any thread."""
        application = self._gateway.application
        drivers = () if application is None else application.buses.drivers
        return tuple((driver.device, driver.name) for driver in drivers)

    async def read_registers(
        self, device: str, table: Table, address: int, count: int
    ) -> RequestWords:
        """Read registers of a device once, behind its polls.

        Raises: RejectedError, it cannot be asked so; PeerError, LinkError, what came instead.
        """
        application = self._gateway.application
        if application is None:
            raise RejectedError(NOT_CONFIGURED)
        registers = await application.buses.read_once(DeviceId(device), table, address, count)
        driver = application.buses.driver_of(DeviceId(device))
        if driver is None:
            raise RejectedError(NOT_CONFIGURED)
        block = spare_block(
            unit_id=driver.unit_id, table=table, address=address, count=count, most=MAX_REGISTERS
        )
        return explain(Read(block=block), registers, driver.model, driver.register_offset)

    def explain(self, exchange: Exchange) -> RequestWords:
        """Return a Modbus request in words; safe from any thread."""
        application, request = self._gateway.application, exchange.request
        driver = None
        if application is not None:
            driver = application.buses.driver_of(DeviceId(exchange.device))
        if not isinstance(request, Read | Write):
            raise TypeError(request)
        if driver is None:
            return explain(request, exchange.registers, None)
        return explain(request, exchange.registers, driver.model, driver.register_offset)
