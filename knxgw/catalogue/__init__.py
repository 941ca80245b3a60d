"""Reads `product_db/`: group objects, parameters and device models, with precise messages."""
