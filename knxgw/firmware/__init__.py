"""Signed update files and slots; part 9 furnishes this room."""
