"""Poll plans, the register codec, and the interpreter of device models; pure."""
