"""What belongs to the machine: its clock, its network and time; and the side that may change them."""
