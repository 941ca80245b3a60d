"""Values that KNX fixes for every device: plain numbers, so that a reader of files may use them, too."""

UNASSIGNED = 0xFFFF  # individual address of a device that nobody has programmed
UNASSIGNED_TEXT = (  # the same, as people write it: 15.15.255
    f"{UNASSIGNED >> 12}.{UNASSIGNED >> 8 & 0xF}.{UNASSIGNED & 0xFF}"
)
KEY_OCTETS = 16  # of each key of KNX Secure (AES-128), and of what is derived from a password
