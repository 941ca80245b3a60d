"""Kills a running gateway again and again and looks what it left behind."""
