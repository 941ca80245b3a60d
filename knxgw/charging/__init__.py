"""Words and rules of one charging point."""
