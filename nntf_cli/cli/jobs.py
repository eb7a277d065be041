"""Many inputs in one process, several at a time: one mechanism for every command that takes many.

Threads, for numpy, the kernels and the system release the GIL, and a process each would pay for starting up again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from nntf_cli.cli.boundary import holding_lines, report_one, say
from nntf_cli.errors import ClusterError, LimitError, NntfError
from nntf_cli.progress import listening
from nntf_cli.shares import Crew, member_of, n_hands

if TYPE_CHECKING:
    from nntf_cli.cli.progress import Meter

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass
class _Outcome(Generic[_Result]):
    """What became of one input."""

    results: list[_Result] = field(default_factory=list)  #: one, or none if it is bad
    error: NntfError | MemoryError | None = None
    lines: list[str] = field(default_factory=list)  #: notes, said when it is its turn


def run_each(
    items: Sequence[_Item], work: Callable[[_Item], _Result], noun: str = "inputs"
) -> tuple[int, list[_Result]]:
    """Do the same with every input, ``--jobs`` at a time; a bad one is reported and the others are done.

    Parameters
    ----------
    items : sequence
        The inputs.
    work : callable
        Called with one input each, from any thread. Threads and memory are shared out among those at work.
    noun : str
        What the inputs are called where progress is shown.

    Returns
    -------
    code : int
        The exit code of the first bad input; 0 if there is none.
    results : list
        What ``work`` returned for the good ones, in the order of the inputs, as are notes and errors.
    """
    code, results = 0, []
    with closing(_outcomes(items, work, noun)) as outcomes:
        for outcome in outcomes:
            say(outcome.lines)
            results += outcome.results
            if outcome.error is not None:
                one_code = report_one(outcome.error)
                code = code or one_code
    return code, results


def _outcomes(
    items: Sequence[_Item], work: Callable[[_Item], _Result], noun: str
) -> Generator[_Outcome[_Result], None, None]:
    n_workers = min(_n_jobs(), len(items))
    if len(items) < 2:
        return (_attempt(work, item) for item in items)
    team = _Team(work, len(items), n_workers, noun)
    return team.in_turn(items) if n_workers == 1 else team.side_by_side(items)


def _n_jobs() -> int:
    context = click.get_current_context(silent=True)
    wanted: int | None = context.meta.get("nntf.jobs") if context else None
    return wanted or n_hands()


def _attempt(work: Callable[[_Item], _Result], item: _Item) -> _Outcome[_Result]:
    try:
        return _Outcome([work(item)])
    except ClusterError:
        raise  # nor could any other input be done
    except (NntfError, MemoryError) as error:
        if not os.environ.get("NNTF_DEBUG"):
            # they would keep all that the work has read until it is reported
            error.__traceback__ = error.__cause__ = error.__context__ = None
        return _Outcome(error=error)


class _Team(Generic[_Item, _Result]):
    """Those who work on the inputs, and what they have in common."""

    def __init__(self, work: Callable[[_Item], _Result], n_items: int, n_workers: int, noun: str) -> None:
        self._work, self._n_items, self._n_workers, self._noun = work, n_items, n_workers, noun
        self._crew = Crew(n_workers, n_items)
        self._context = click.get_current_context(silent=True)
        self._meter: Meter | None = self._context.meta.get("nntf.meter") if self._context else None
        self._n_done, self._lock = 0, threading.Lock()
        self._count(0)

    def in_turn(self, items: Sequence[_Item]) -> Generator[_Outcome[_Result], None, None]:
        """Yield the outcomes as they come about, one after the other."""
        for number, item in enumerate(items):
            yield self._one(number, item)

    def side_by_side(self, items: Sequence[_Item]) -> Generator[_Outcome[_Result], None, None]:
        """Yield the outcomes in order; what did not fit beside others is done again when it is alone."""
        from concurrent.futures import ThreadPoolExecutor, wait

        pool = ThreadPoolExecutor(self._n_workers, initializer=self._enter)
        try:
            futures = [pool.submit(self._one, number, item) for number, item in enumerate(items)]
            for future, item in zip(futures, items, strict=True):
                outcome = future.result()
                if isinstance(outcome.error, (LimitError, MemoryError)) and item != "-":  # a pipe is read once
                    wait(futures)
                    with holding_lines() as lines:
                        outcome = _attempt(self._work, item)
                    outcome.lines = lines
                yield outcome
        finally:
            # what has not begun never does; whoever interrupts waits for those at work, but not for long (signals)
            pool.shutdown(wait=True, cancel_futures=True)

    def _enter(self) -> None:
        """Let a thread know which command it works for: click tells only the thread it was called in."""
        if self._context is not None:
            click.globals.push_context(self._context)

    def _one(self, number: int, item: _Item) -> _Outcome[_Result]:
        with ExitStack() as stack:
            stack.callback(self._finish)
            stack.enter_context(member_of(self._crew))
            stack.enter_context(listening(self._meter.of_run(number) if self._meter else None))
            lines = stack.enter_context(holding_lines()) if self._n_workers > 1 else []
            outcome = _attempt(self._work, item)
            outcome.lines = lines
            return outcome

    def _finish(self) -> None:
        self._crew.finish_one()
        with self._lock:
            self._n_done += 1
            self._count(self._n_done)

    def _count(self, n_done: int) -> None:
        if self._meter is not None:
            self._meter.count(n_done, self._n_items, self._noun)
