"""The device website."""
