"""The line to a dask.distributed scheduler: tasks go out, results or one error come back, nobody waits for ever."""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from nntf_cli import __version__
from nntf_cli.distributed.tasks import versions
from nntf_cli.errors import ClusterError, LimitError, NntfError, ParameterError
from nntf_cli.progress import task

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds: to reach the scheduler, to hear from it again, without a single worker, between looks at them.
CONNECT, ANSWER, PATIENCE, LOOK = 5.0, 20.0, 60.0, 1.0

_INSTALL = "install what it needs: pip install 'nntf-cli[dask]'"


class Connection:
    """A client of a cluster that exists already, and that is left as it was."""

    def __init__(self, client: Client, scheduler: str) -> None:
        self._client, self.scheduler = client, scheduler
        self._alone_since: float | None = None
        self._broken: ClusterError | None = None
        self._open: list[Future] | None = None
        self.warnings = self._check_versions()

    @classmethod
    def to(cls, scheduler: str) -> Self:
        """Connect to a scheduler.

        Parameters
        ----------
        scheduler : str
            Its address, or the file that ``dask scheduler --scheduler-file`` wrote.

        Raises
        ------
        ParameterError
            dask.distributed is not installed, or this is no address.
        ClusterError
            Nobody answers, or the workers run another version of nntf.
        """
        try:
            from distributed import Client
            from distributed.comm import get_address_host_port
        except ImportError as error:
            raise ParameterError("--scheduler needs dask.distributed, which is not installed", _INSTALL) from error
        address = _address_in(scheduler) if _is_file(scheduler) else scheduler
        try:
            get_address_host_port(address)  # a client given nonsense takes long to go away
        except (ValueError, NotImplementedError) as error:
            raise ParameterError(
                f"--scheduler {scheduler!r} is no address ({error})", "it looks like tcp://HOST:8786"
            ) from error
        try:
            _require_answer(address)
            client = Client(address, timeout=CONNECT, set_as_default=False, name="nntf")
        except (OSError, TimeoutError) as error:
            raise ClusterError(
                f"no scheduler answers within {CONNECT:g} seconds",
                "start one with 'dask scheduler', or correct the address",
                where=scheduler,
            ) from error
        try:
            return cls(client, scheduler)
        except BaseException:
            _close(client)
            raise

    def close(self) -> None:
        """Cancel what has not been asked for, and leave."""
        _close(self._client)

    # -- who is there

    def threads(self) -> dict[str, int]:
        """Return how many tasks every worker does at a time.

        Raises
        ------
        ClusterError
            The scheduler does not answer.
        """
        from distributed.comm.core import CommClosedError

        try:
            found: dict[str, int] = self._client.sync(self._client.scheduler.ncores, callback_timeout=ANSWER)
        except (OSError, TimeoutError, CommClosedError, AttributeError, RuntimeError) as error:
            raise self._break("the scheduler does not answer any more", "see its log") from error
        return found

    def _check_versions(self) -> tuple[str, ...]:
        """Refuse workers with another nntf, and say where Python or numpy differ."""
        mine = versions()
        differing: dict[str, str] = {}
        for worker, theirs in sorted(self._ask_all(versions).items()):
            if isinstance(theirs, Exception):  # it does not know the function, and says so in dask's words
                lacks = "No module named" in str(theirs)
                has = f"has no nntf-cli ({theirs})" if lacks else f"does not answer ({theirs})"
                raise self._break(f"worker {worker} {has}", f"install nntf-cli {__version__} there")
            if theirs["nntf-cli"] != __version__:
                has = f"worker {worker} has nntf-cli {theirs['nntf-cli']}, not {__version__}"
                raise self._break(has, f"install nntf-cli {__version__} there")
            for name in mine:
                if theirs[name] != mine[name]:
                    differing[name] = f"worker {worker} has {name} {theirs[name]}, this process {mine[name]}"
        return tuple(differing.values())

    def _ask_all(self, function: Callable[[], Any]) -> dict[str, Any]:
        """Call a function on every worker, outside the queue of tasks; an exception stands for itself."""
        try:
            # as Client.run, which would wait for ever for a worker that hangs
            answers: dict[str, Any] = self._client.sync(
                self._client._run, function, on_error="return", callback_timeout=ANSWER
            )
        except TimeoutError as error:
            raise self._break(f"a worker does not answer within {ANSWER:g} seconds", "see which one hangs") from error
        except OSError as error:
            raise self._break("the scheduler does not answer any more", "see its log") from error
        return answers

    # -- work

    @contextmanager
    def job(self) -> Iterator[None]:
        """Cancel the tasks submitted within the block if it fails, or is interrupted."""
        before, self._open = self._open, []
        try:
            yield
        except BaseException:
            if self._broken is None:
                with suppress(Exception):
                    self._client.cancel(self._open)
            raise
        finally:
            self._open = before

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Start a task; futures among the arguments, or in lists of them, stand for their results."""
        if self._broken:
            raise self._broken
        # not pure: a log that has changed is another one, whatever is remembered of a task of the same arguments
        future = self._client.submit(function, *arguments, pure=False)
        if self._open is not None:
            self._open.append(future)
        return future

    def results(self, futures: Sequence[Future], title: str, where: str = "") -> Iterator[tuple[int, Any]]:
        """Yield (number, result) of tasks as they end.

        Parameters
        ----------
        futures : sequence of Future
            The tasks.
        title : str
            What they do, for whoever watches.
        where : str
            The log that they work on.

        Raises
        ------
        NntfError
            What the first of the tasks, in their order, that failed has raised; nothing is raised before those in
            front of it are done, so that a log with several faults has the same one every time.
        ClusterError
            The scheduler is gone, or all workers are, for ``PATIENCE`` seconds.
        """
        ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: ended.put(number))
        waiting, last = set(range(len(futures))), len(futures)
        failure: BaseException | None = None
        with task(title, len(futures)) as done:
            while waiting:
                number = self._next(ended)
                waiting.discard(number)
                done(1)
                error = self._failure(futures[number], where)
                if error is None and failure is None:
                    yield number, self._result(futures[number], where)
                elif error is not None and number < last:
                    last, failure = number, error
                    waiting = {other for other in waiting if other < number}
        if failure is not None:
            raise failure

    def result(self, future: Future, title: str, where: str = "") -> Any:
        """Return what one task returned."""
        (result,) = (result for _, result in self.results([future], title, where))
        return result

    def _next(self, ended: queue.SimpleQueue[int]) -> int:
        while True:
            try:
                number = ended.get(timeout=LOOK)
            except queue.Empty:
                self._require_somebody()
            else:
                self._alone_since = None
                return number

    def _require_somebody(self) -> None:
        if self._client.status != "running":
            raise self._break("the scheduler is gone", "start it again, and run this again")
        if self.threads():
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since >= PATIENCE:
            raise self._break(
                f"has had no worker for {PATIENCE:g} seconds",
                f"start some: dask worker {self.scheduler}, with the nntf-cli of this process",
            )

    def _failure(self, future: Future, where: str) -> BaseException | None:
        """Return what a task that has ended failed with, in words; None if it did not."""
        if future.status == "finished":
            return None
        from asyncio import CancelledError

        from distributed import KilledWorker

        if future.status in ("cancelled", "lost"):
            return self._break("the scheduler is gone", "start it again, and run this again")
        try:
            error = future.exception(timeout=ANSWER)
        except (OSError, TimeoutError, CancelledError):
            return self._break("the scheduler is gone", "start it again, and run this again")
        if isinstance(error, KilledWorker):
            return LimitError(
                "every worker that took a part of it died, most likely for want of memory",
                "give workers more memory, or choose fewer snapshots with --every, --from and --to",
                where=where,
            )
        if isinstance(error, MemoryError):
            return LimitError("a worker ran out of memory", "give workers more, or choose fewer snapshots", where=where)
        if isinstance(error, ModuleNotFoundError) and "nntf_cli" in str(error):
            return self._break("a worker has no nntf-cli", f"install nntf-cli {__version__} there")
        if isinstance(error, ClusterError):
            return self._break(error.cause, error.remedy)
        return error if isinstance(error, BaseException) else RuntimeError(f"a task ended as {future.status}")

    def _result(self, future: Future, where: str) -> Any:
        from asyncio import CancelledError

        wait = ANSWER
        while True:
            try:
                return future.result(timeout=wait)
            except TimeoutError:  # a large result, or its worker died and it is computed again, or nobody is left
                self._require_somebody()
                wait *= 2
            except (OSError, CancelledError) as error:
                gone = self._break("the scheduler is gone", "start it again, and run this again")
                raise self._failure(future, where) or gone from error

    def _break(self, cause: str, remedy: str) -> ClusterError:
        """Return the error that ends everything: whoever asks again gets it again, and does not wait again."""
        self._broken = ClusterError(cause, remedy, where=self.scheduler)
        return self._broken


def _is_file(scheduler: str) -> bool:
    return os.path.exists(scheduler) or scheduler.endswith(".json")


def _address_in(path: str) -> str:
    """Return the address in a scheduler file; dask itself would wait for a file that is not there."""
    try:
        with open(path, encoding="utf-8") as stream:
            return str(json.load(stream)["address"])
    except OSError as error:
        raise ClusterError(f"cannot be read ({error.strerror})", "check the path", where=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError("is no scheduler file", "dask scheduler --scheduler-file writes one", where=path) from error


def _require_answer(address: str) -> None:
    """Shake hands with a scheduler: a client of dask's would wait for ever for one that says nothing."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from distributed import Security
    from distributed.comm import connect

    async def shake_hands() -> None:
        how = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, timeout=CONNECT, **how), CONNECT)
        await comm.close()

    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop of its own
        pool.submit(lambda: asyncio.run(shake_hands())).result()


def _close(client: Client) -> None:
    with suppress(OSError, TimeoutError, NntfError):
        client.close(timeout=CONNECT)
