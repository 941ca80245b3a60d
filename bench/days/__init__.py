"""Days at random on the scenario bench, judged and compared: `python -m bench.days`."""
