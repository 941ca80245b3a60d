"""The front panel of the device: LEDs and programming button; later the device that ETS programs."""
