"""Lets people find the device in the network neighbourhood: UPnP (SSDP) and mDNS. Source: website 61."""
