"""Writes the pages of `docs/` that are made from data and from the rules: `make generate`."""
