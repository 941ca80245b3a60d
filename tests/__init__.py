"""Tests of the gateway; the helpers they share lie in `tests.support`."""
