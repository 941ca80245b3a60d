"""Tests of the room, and the readers that they share."""
