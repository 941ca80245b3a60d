"""The words for true and false, in every file."""

BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
