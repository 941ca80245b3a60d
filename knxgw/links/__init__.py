"""Wires: KNX and Modbus; everything that can be lost and found again."""
