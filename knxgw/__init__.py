"""knxgw: the open KNX gateway for EV charging."""

__version__ = "0.1"
