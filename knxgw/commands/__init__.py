"""What runs in a terminal for a person to look at: the demo, the simulator, the scenario bench."""
