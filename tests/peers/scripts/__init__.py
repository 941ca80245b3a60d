"""Run by the Python of a peer's environment, never by ours: each tries one library.

They import nothing of the gateway, and nothing that is not in their environment.
"""
