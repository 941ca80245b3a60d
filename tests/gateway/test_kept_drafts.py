"""Drafts of the website while the device lives: kept now and then, at the end, and only if they are others."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from knxgw.kept_drafts import DRAFTS_S, KeptDrafts
from knxgw.store.kept_file import UNAPPLIED, KeptFile
from knxgw.website.drafts import Draft
from tests.support.virtual_time import InlineExecutor

DRAFT = Draft(text="device: {}\n", based_on="1")


def drafts_of(directory: Path) -> KeptDrafts:
    return KeptDrafts(KeptFile(directory, UNAPPLIED), InlineExecutor())


@asynccontextmanager
async def looked_after(directory: Path) -> AsyncGenerator[KeptDrafts, None]:
    kept = drafts_of(directory)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(kept.look_after())
        yield kept
        task.cancel()


async def test_a_draft_outlives_a_power_cut_half_a_minute_after_it_was_typed(
    tmp_path: Path,
) -> None:
    async with looked_after(tmp_path) as kept:
        kept.unapplied.drafts.keep("owner", DRAFT)
        await asyncio.sleep(DRAFTS_S - 1)
        assert drafts_of(tmp_path).unapplied.drafts.of("owner") is None
        await asyncio.sleep(2)
        assert drafts_of(tmp_path).unapplied.drafts.of("owner") == DRAFT


async def test_what_nobody_has_changed_is_not_written_again(tmp_path: Path) -> None:
    async with looked_after(tmp_path) as kept:
        kept.unapplied.drafts.keep("owner", DRAFT)
        await asyncio.sleep(DRAFTS_S + 1)
        KeptFile(tmp_path, UNAPPLIED).forget()
        await asyncio.sleep(10 * DRAFTS_S)
        assert drafts_of(tmp_path).unapplied.as_json() == {}


async def test_at_the_end_nothing_that_was_typed_is_lost(tmp_path: Path) -> None:
    kept = drafts_of(tmp_path)
    kept.unapplied.drafts.keep("owner", DRAFT)
    kept.keep()
    assert drafts_of(tmp_path).unapplied.drafts.of("owner") == DRAFT


async def test_what_was_taken_back_is_kept_at_once(tmp_path: Path) -> None:
    taken_back = replace(DRAFT, was_taken_back=True)
    drafts_of(tmp_path).give_back("owner", taken_back)
    assert drafts_of(tmp_path).unapplied.drafts.of("owner") == taken_back
