"""The product's data: group objects, parameters and device models, and where they lie."""

from pathlib import Path

DIRECTORY = Path(__file__).parent
