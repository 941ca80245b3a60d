"""With which certificate the website is encrypted, and what may be done about it.

The configuration file may name one. Else it is the one that somebody has uploaded on the website, or
the one that the device has made for itself; both stand in the state directory. Source: website 15.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from knxgw.errors import FileLine, Finding, RejectedError
from knxgw.store.certificate_files import CertificateFiles, Source

# what makes and reads certificates takes a while to load, and most devices have none
if TYPE_CHECKING:
    from knxgw.website.certificate import Certificate


class Encryption:
    """The certificate that the website uses now; safe from any thread.

    Each connection takes the one that holds when it comes. `on_change` is called where encryption
    begins or ends: then the website has to be served again.
    """

    def __init__(
        self,
        files: CertificateFiles,
        *,
        names: Callable[[], Iterable[str]],
        now: Callable[[], datetime],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._files, self._names, self._now, self._on_change = files, names, now, on_change
        self._changing = threading.Lock()
        self._current: Certificate | None = None
        self._is_changed = False  # since it was judged
        self._proved = files.proved()

    @property
    def current(self) -> "Certificate | None":
        """Return the certificate of the next connection, None: it is not encrypted."""
        return self._current

    def take(self, certificate: "Certificate | None") -> None:
        """Use what was judged, at a start or after the file was read again."""
        self._current, self._is_changed = certificate, False

    def has_settled(self, finding: Finding) -> bool:
        """Tell whether a finding of the start is about a certificate that is not used any more."""
        files = {str(self._files.own), str(self._files.uploaded)}
        place = finding.place
        return self._is_changed and isinstance(place, FileLine) and place.file in files

    # --- whether plain http is still served

    @property
    def redirects(self) -> bool:
        """Tell whether whoever comes by plain http is sent on to https.

        Whoever names a certificate in the file can take it away again. Whoever lets the device make
        one has a browser only, and that may refuse it: until somebody has logged in by https, the
        website answers by http, too.
        """
        current = self._current
        return current is not None and (
            current.source is Source.NAMED or current.key_id == self._proved
        )

    def note_log_in(self) -> None:
        """Note that somebody has logged in by https: a browser takes the certificate."""
        current = self._current
        if current is None or current.source is Source.NAMED or current.key_id == self._proved:
            return
        self._proved = current.key_id
        with suppress(OSError):  # it holds until the next start, and is noted at the next log-in
            self._files.note_proved(current.key_id)

    # --- what a page may do; never where the file names a certificate

    @property
    def is_by_file(self) -> bool:
        """Tell whether the configuration file names the certificate."""
        return self._current is not None and self._current.source is Source.NAMED

    @property
    def is_uploaded(self) -> bool:
        """Tell whether it was uploaded on the website."""
        return self._current is not None and self._current.source is Source.UPLOADED

    @property
    def has_uploaded(self) -> bool:
        """Tell whether one was uploaded, also one that cannot be used."""
        return self._files.uploaded.exists()

    def make(self) -> "Certificate":
        """Make the device's own certificate, or renew it. Raises: StateError, RejectedError."""
        from knxgw.website.kept_certificate import make_own  # noqa: PLC0415 - see above

        with self._changing:
            self._refuse_beside_file()
            made = make_own(self._files, self._names(), self._now())
            if not self.is_uploaded:
                self._use(made)
            return made

    def upload(self, content: bytes) -> list[Finding]:
        """Use a certificate and its key; return what is to be said of it.

        Raises: ConfigError, it cannot be used; StateError, the disk does not take it.
        """
        from knxgw.website.kept_certificate import take_uploaded  # noqa: PLC0415 - see above

        with self._changing:
            self._refuse_beside_file()
            found = take_uploaded(self._files, content)
            self._use(found)
        return found.findings(self._now())

    def remove_uploaded(self) -> "Certificate":
        """Go back to the device's own certificate, made where there is none.

        Raises: StateError, RejectedError.
        """
        from knxgw.website.kept_certificate import go_back_to_own  # noqa: PLC0415 - see above

        with self._changing:
            self._refuse_beside_file()
            own = go_back_to_own(self._files, self._names, self._now())
            self._use(own)
            return own

    def renew_if_due(self) -> None:
        """Renew the device's own certificate where that is due, in a device that runs for years."""
        with self._changing:
            current = self._current
            if current is None or current.source is not Source.OWN:
                return
            from knxgw.website.kept_certificate import renewed  # noqa: PLC0415 - see above

            self._use(renewed(self._files, current, self._names, self._now()))

    def _refuse_beside_file(self) -> None:
        if self.is_by_file:
            raise RejectedError("the configuration file names a certificate")

    def _use(self, certificate: "Certificate") -> None:
        begins = self._current is None
        self._current, self._is_changed = certificate, True
        if begins:
            self._on_change()
