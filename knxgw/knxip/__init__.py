"""KNXnet/IP server: discovery, device management, tunnelling (sans-IO); part 5 furnishes this room."""
