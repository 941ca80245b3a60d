"""Libraries of others read the simulators, and the gateway reads registers that they encoded."""
