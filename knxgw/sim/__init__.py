"""Simulated chargers, vehicles, clock and KNX line: demo, test bench and world of the examples."""
