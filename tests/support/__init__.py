"""Helpers for tests that need outside peers: namespaces, knxd, bus recordings."""
