"""What programs and live pages ask."""
