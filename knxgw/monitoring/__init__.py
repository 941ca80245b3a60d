"""What the device keeps to look at: plot, telegrams, Modbus requests, log. Bounded, and never waits."""
