"""Firmware of the device: signed files, slots in the state directory, and the launcher that starts one of them."""
