"""Measurements of the gateway against a yardstick; run them with `make bench`."""
