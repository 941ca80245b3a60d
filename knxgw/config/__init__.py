"""One `Configuration`, from a file now, from ETS later."""
