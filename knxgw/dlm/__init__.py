"""Shares the mains connection between charging points; pure."""
