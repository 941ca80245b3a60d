"""Makes `launcher.pyz`: the launcher in an archive of its own, outside every firmware.

    python -m knxgw.firmware.launcher_archive TARGET

It starts with `python3 -I launcher.pyz`, with any Python from 3.11 on, and needs nothing but its standard library.
"""

import sys
import zipfile
from pathlib import Path

import knxgw

MODULES = ("__init__", "notify", "panel_text", "boot_state", "boot_disk", "watch", "launcher")
_MAIN = "from knxgw.firmware.launcher import main\n\nmain()\n"
_FIXED = (1980, 1, 1, 0, 0, 0)  # the same sources make the same archive


def write_launcher(target: Path) -> None:
    """Write the archive. Raises: OSError."""
    package = Path(knxgw.__file__).parent
    sources = {f"knxgw/firmware/{name}.py": package / "firmware" / f"{name}.py" for name in MODULES}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {
            "__main__.py": _MAIN,
            "knxgw/__init__.py": "",
            **{name: path.read_text(encoding="utf-8") for name, path in sources.items()},
        }.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED), text, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write_launcher(Path(sys.argv[1]))
