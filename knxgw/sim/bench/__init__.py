"""The scenario bench: the station against a simulated plant, in virtual time, with figures."""
