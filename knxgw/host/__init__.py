"""What belongs to the machine: its clock; later network, restart and reset."""
