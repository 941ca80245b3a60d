"""The public keys whose firmware this device takes: those of the product, and those of its administrator."""

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from knxgw.catalogue.directory import product_db
from knxgw.firmware.signature import LARGEST_KEY_FILE, TrustedKeys, public_key

log = logging.getLogger(__name__)
SHIPPED = "firmware_keys"  # folder of product_db
ADMINISTRATOR = Path("/etc/knxgw/firmware-keys")
DEVELOPMENT = "development.pem"  # its private key is public: it stands among the tests
ALLOWS_DEVELOPMENT = "KNXGW_DEVELOPMENT_FIRMWARE"  # in the environment of the gateway


def trusted_keys(
    environment: Mapping[str, str] = os.environ, administrator: Path = ADMINISTRATOR
) -> TrustedKeys:
    """Return the keys that count on this machine; what cannot be read is logged and left out."""
    allows_development = environment.get(ALLOWS_DEVELOPMENT) == "1"
    files = [
        path
        for path in _pem_files(product_db() / SHIPPED)
        if path.name != DEVELOPMENT or allows_development
    ]
    keys = []
    for path in (*files, *_pem_files(administrator)):
        try:
            with path.open("rb") as file:
                keys.append(public_key(file.read(LARGEST_KEY_FILE)))
        except (OSError, ValueError) as err:
            log.warning("%s is not used as a key of firmware: %s", path, err)
    return TrustedKeys(keys)


def _pem_files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.pem"))
