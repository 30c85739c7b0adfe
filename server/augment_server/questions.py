"""Calls that are computed together: each reads and writes for itself, and asks its model with others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from contextvars import Context

    from augment.runtime import Model, Part

__all__ = ["Answering", "Question", "answers"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Question:
    """What one call asks of a model.

    Attributes:
        model: The model.
        ask: The method of its `joint`.
        part: The call's records.
        options: Further arguments; those with other options are not computed together.
    """

    model: Model
    ask: Callable[..., list[Any]]
    part: Part
    options: tuple[tuple[str, Any], ...] = ()


Answering = Generator[Question, Any, _T]
"""A call that is being answered: yields its question, is sent the result, and returns the answer."""


@dataclass
class _Call:
    """One call: the context it runs in, and what has come of it: a question, then an answer or an error."""

    context: Context
    begin: Callable[[], Any]
    answering: Any = None
    question: Question | None = None
    outcome: Any = None

    def start(self) -> None:
        """Run to the question; a call may also end without one."""
        try:
            self.answering = self.context.run(self.begin)
            self.question = self.context.run(next, self.answering)
        except StopIteration as end:
            self.outcome = end.value
        except Exception as error:  # noqa: BLE001 - it is the call's own
            self.outcome = error

    def finish(self, result: Any) -> None:
        """Go on with the result, or the error, and run to the end."""
        go_on = self.answering.throw if isinstance(result, Exception) else self.answering.send
        try:
            self.context.run(go_on, result)
        except StopIteration as end:
            self.outcome = end.value
        except Exception as error:  # noqa: BLE001 - likewise
            self.outcome = error


def answers(calls: Sequence[tuple[Context, Callable[[], Answering[_T]]]]) -> list[_T | Exception]:
    """Return what becomes of calls, in their order: answers, and the errors of those that fail.

    Args:
        calls: The context of each, and what begins it.
    """
    begun = [_Call(context, begin) for context, begin in calls]
    for call in begun:
        call.start()
    groups: dict[Any, list[_Call]] = {}
    for call in begun:
        if (asked := call.question) is not None:
            groups.setdefault((id(asked.model), asked.ask, asked.options), []).append(call)
    for group in groups.values():
        for call, result in zip(group, _results(group), strict=True):
            call.finish(result)
    return [call.outcome for call in begun]


def _results(group: Sequence[_Call]) -> list[Any]:
    questions = [call.question for call in group if call.question is not None]
    first = questions[0]
    try:
        return first.ask(first.model.joint, [each.part for each in questions], **dict(first.options))
    except Exception as error:  # noqa: BLE001 - what is wrong with the options is wrong for all
        return [error] * len(questions)
