"""Where the product's data stands: group objects, parameters and device models."""

from functools import cache
from importlib.resources import files
from pathlib import Path

NAME = "product_db"


@cache
def product_db() -> Path:
    """Return the folder of the product's data.

    The wheel ships it inside `knxgw`; in a checkout it stands beside `knxgw`, at the top.
    """
    package = Path(str(files("knxgw")))
    shipped = package / NAME
    return shipped if shipped.is_dir() else package.parent / NAME
