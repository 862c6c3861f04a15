"""scripted: answers written beforehand, or any Python callable that returns one.

For tests, for notebooks, and for whoever reaches a model in a way of their own.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable

from alchemist.core.errors import ProviderError
from alchemist.core.exchange import Reply, Request

Answer = Reply | str
AnswerFunction = Callable[[Request], Answer | Awaitable[Answer]]


class Function:
    """Asks a Python callable, plain or async; a plain one runs in a thread.

    Attributes:
        free: Whether its answers cost nothing; only its author can know.
    """

    def __init__(self, answer: AnswerFunction, *, free: bool = False) -> None:
        self.free = free
        self._answer = answer

    async def complete(self, request: Request) -> Reply:
        """Call it once and wrap a bare string."""
        if inspect.iscoroutinefunction(self._answer):
            answer = await self._answer(request)
        else:
            answer = await asyncio.to_thread(self._answer, request)
            if inspect.isawaitable(answer):
                answer = await answer
        return _reply(answer, request)


class Scripted:
    """Gives the next of a list of answers, or raises it where it is an exception.

    Attributes:
        free: Nothing is ever billed.
        asked: The requests so far, in order.
    """

    free = True

    def __init__(self, answers: Iterable[Answer | Exception]) -> None:
        self.asked: list[Request] = []
        self._answers = iter(answers)

    async def complete(self, request: Request) -> Reply:
        """Take the next answer."""
        self.asked.append(request)
        answer = next(self._answers, None)
        if answer is None:
            raise ProviderError(f"The script holds no answer number {len(self.asked)}.")
        if isinstance(answer, Exception):
            raise answer
        return _reply(answer, request)


def _reply(answer: object, request: Request) -> Reply:
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, str):
        return Reply(text=answer, model=request.model)
    raise ProviderError(
        f"The answer function returned {type(answer).__name__}; it must return a str or a Reply."
    )
