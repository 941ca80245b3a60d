"""The files of the network in a folder that belongs to root: begun, kept, given back.

A process that is killed at any moment leaves the old settings or the new ones, and where the new ones are not
confirmed, what leads back: the previous file, beside the one that holds. The way back needs no room on the
disk. Source: website 40.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from knxgw.host.files import read_text, remove, sync_folder, write_readable
from knxgw.host.networkd_file import FILE_NAME

FOLDER = Path("etc/systemd/network")
_OWN_TIME = Path(f"{FILE_NAME}.d") / "50-time.conf"
# networkd would hand them to timesyncd, which asks them before those of its own files
_OWN_TIME_TEXT = "# Written by knxgw: it has time servers of its own.\n[DHCPv4]\nUseNTP=no\n\n[DHCPv6]\nUseNTP=no\n"
_BEFORE = f"{FILE_NAME}.before"  # empty: there was no file
_BACK = f"{FILE_NAME}.back"


class NetworkFiles:
    """The file that networkd reads, and beside it the previous one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._current = folder / FILE_NAME
        self._before = folder / _BEFORE

    @property
    def is_unconfirmed(self) -> bool:
        """Tell whether there is a way back from a change that nobody has confirmed."""
        return self._before.exists()

    def text(self) -> str:
        """Return what holds, "" without a file of ours. Raises: OSError."""
        return read_text(self._current)

    def begin(self, text: str) -> None:
        """Let a text hold, with a way back to the previous one. Raises: OSError."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not self.is_unconfirmed:  # else the last one that was confirmed is there already
            write_readable(self._before, self.text())
        write_readable(self._current, text)

    def keep(self) -> None:
        """Let what holds hold for good. Raises: OSError."""
        remove(self._before)

    def give_back(self, take: Callable[[], None]) -> None:
        """Let the previous text hold again; `take` has networkd read it. Raises: OSError.

        The way back stays until `take` is done: whoever is killed before is tried again.
        """
        if self._before.stat().st_size:
            self._link_back()
            sync_folder(self.folder)
        else:
            remove(self._current)
        take()
        self.keep()

    def uses_time_servers(self) -> bool:
        """Tell whether time servers that a DHCP server names are used."""
        return not (self.folder / _OWN_TIME).exists()

    def use_time_servers(self, *, are_used: bool) -> bool:
        """Let time servers that a DHCP server names be used or not; tell whether networkd has to take it.

        It holds for our file only: with a file of the host, the host says what is used. Raises: OSError.
        """
        path, text = self.folder / _OWN_TIME, "" if are_used else _OWN_TIME_TEXT
        if read_text(path) == text:
            return False
        if text:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_readable(path, text)
        else:
            remove(path)
        return bool(self.text())

    def _link_back(self) -> None:
        """Put the previous file in the place of the current one, and leave it where it is."""
        back = self.folder / _BACK
        with suppress(FileNotFoundError):
            back.unlink()
        if self._current.exists() and self._current.samefile(self._before):
            return  # it was put there, and networkd not told
        try:
            back.hardlink_to(self._before)
        except OSError:  # a file system without second names: the way back is used up then
            self._before.replace(self._current)
        else:
            back.replace(self._current)
