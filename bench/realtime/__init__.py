"""The real-time check: what happens in a garage, really and as the scenario bench predicts it."""
