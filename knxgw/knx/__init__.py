"""Words for KNX frames that the port, the object server and the device stack share; pure."""
