"""What belongs to the machine; part 9 furnishes this room."""
