"""The ETS-programmable KNX device (sans-IO); part 5 furnishes this room."""
