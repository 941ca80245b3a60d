"""Tests of what comes from ETS and goes to it."""
