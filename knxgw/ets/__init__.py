"""Group addresses on their way between ETS and the configuration."""
