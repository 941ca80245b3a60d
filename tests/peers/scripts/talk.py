"""How a script answers: a question is a line of JSON, so is its answer."""

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Mapping

Commands = Mapping[str, Callable[..., object]]


def answer(commands: Commands) -> None:
    """Answer questions like {"do": "read", "key": "power"} until there are no more.

    What a library prints goes to the standard error. Coroutines run on one loop, which goes on
    while nobody asks.
    """
    asyncio.run(_answer(commands))


async def _answer(commands: Commands) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        question = json.loads(line)
        command = commands[question.pop("do")]
        reply: dict[str, object]
        try:
            result = command(**question)
            reply = {"answer": await result if inspect.isawaitable(result) else result}
        except Exception:  # noqa: BLE001 - whoever asked shall see it
            reply = {"error": traceback.format_exc()}
        answers.write(json.dumps(reply, default=str) + "\n")
        answers.flush()
