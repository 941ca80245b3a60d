"""The whole site: one pure step, and the one task that owns it."""
