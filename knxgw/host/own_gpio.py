"""The GPIO chips of this machine, for whoever has lines of them."""

from knxgw.host.gpio import Gpio, GpioError, GpioProblem


def own_gpio() -> Gpio:
    """Return the chips of this machine; gpiod is loaded by the first who asks. Raises: GpioError."""
    try:
        from knxgw.host.gpiod_lines import GpiodLines  # noqa: PLC0415 - most machines have no panel
    except (ImportError, OSError, AttributeError) as err:  # not there, does not load, or too old
        raise GpioError(GpioProblem.NO_LIBRARY, "", reason=str(err)) from err
    return GpiodLines()
