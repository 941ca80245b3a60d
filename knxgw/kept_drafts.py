"""What accounts have begun and not applied: it outlives a restart, by a file that is written now and then."""

import asyncio
from concurrent.futures import Executor
from typing import NoReturn

from knxgw.store.kept_file import KeptFile
from knxgw.website.drafts import Draft
from knxgw.website.unapplied import Unapplied

DRAFTS_S = 30.0  # at most, what is typed is lost by a power cut


class KeptDrafts:
    """Drafts and wizards of the pages, with the file that keeps them."""

    def __init__(self, file: KeptFile, executor: Executor) -> None:
        """Go on with what the file has; `executor` writes it."""
        self.unapplied = Unapplied(file.read())
        self._file, self._executor = file, executor
        self._kept = self.unapplied.as_json()

    async def look_after(self) -> NoReturn:
        """Keep what was begun, now and then: a card wears out by every write."""
        while True:
            await asyncio.sleep(DRAFTS_S)
            self.keep()

    def give_back(self, account: str, draft: Draft) -> None:
        """Let an account go on with what it had applied and was taken back; kept at once, it stands nowhere else."""
        self.unapplied.give_back(account, draft)
        self.keep()

    def keep(self) -> None:
        """Write what was begun, if it is something else than before."""
        begun = self.unapplied.as_json()
        if begun != self._kept:
            self._kept = begun
            self._executor.submit(self._file.write, begun)
