"""The KNXnet/IP server: found, described, tunnelled through and managed over UDP and TCP.

What decides is ordinary code: frames in, effects out, time as an argument (`endpoint.py` is the whole of
it). The sockets around it are in `sockets.py` and `server.py`.
"""
