"""The processes of a run that was started by torchrun: one leads, the others follow, and some tasks all do together.

The first process (rank 0) does what a single one would do: it reads settings, clusters, scores and writes. The others
hold the same crops and the same encoder and wait to be told of a task that all share; then everyone does its part of
it. So whatever is not such a task happens once, and what comes of it is equal everywhere because it was sent.

Everywhere else the group is a group of one, and nothing here does anything.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from types import FrameType
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from usvireid.errors import UsageError, UsvireidError
from usvireid.portion import Portion

# What all processes of a run do together.
BEGIN = "begin"
RESTORE = "restore"
FIT = "fit"
EXTRACT = "extract"
SEARCH = "search"
TRAIN = "train"
SCORE = "score"
SCORE_HELD_OUT = "score held-out"

_SILENCE = timedelta(hours=1)
"""How long a process waits for another. One that ends is noticed at once; this is for one that hangs. It is long
because the others wait while the first one clusters."""
_GO_ON = "nothing is lost: the same command goes on after the last complete epoch."
_TOLD = "usvireid/told"
_FIRST_SAY = 2.0
"""Seconds that a follower with an error leaves to the first process, which mostly has the same one, to say it."""


class LostProcess(UsvireidError):
    """A process of the run has ended, or does not answer."""


class Group:
    """The processes of a run, seen from one of them.

    Args:
        rank: which this is, from 0.
        size: how many there are.
        store: a store of PyTorch's that they share; None for a group of one.

    Attributes:
        together: whether all of them are in the same task now; outside of it the first works alone.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        self.rank, self.size = rank, size
        self.together = False
        self.ending = False
        self._store = store

    @property
    def leads(self) -> bool:
        """Whether this is the process that does what is done once."""
        return self.rank == 0

    def portions(self, count: int) -> list[Portion]:
        """`count` rows shared out, in order of the processes; no two portions differ by more than a row."""
        bounds = [count * part // self.size for part in range(self.size + 1)]
        return [Portion(start, stop, count) for start, stop in pairwise(bounds)]

    @contextmanager
    def jointly(self, task: str, *payload: Any) -> Iterator[None]:
        """A block that all processes go through: those that `follow` are told the task and given the payload."""
        if self.size == 1 or self.together:
            yield
            return
        self.send((task, payload))
        self.together = True
        try:
            yield
        finally:
            self.together = False

    def follow(self, tasks: Mapping[str, Callable[..., object]]) -> None:
        """Do each task that the first process begins, until it dismisses."""
        while (order := self.receive()) is not None:
            task, payload = order
            self.together = True
            tasks[task](*payload)
            self.together = False

    @contextmanager
    def separately(self) -> Iterator[None]:
        """A block within a joint task that each process goes through for itself."""
        before, self.together = self.together, False
        try:
            yield
        finally:
            self.together = before

    def dismiss(self) -> None:
        """End the `follow` of the others."""
        self.send(None)

    def send(self, value: object) -> None:
        """Give a value to all others, which `receive` it."""
        if self.size > 1:
            with self._noticing_loss():
                dist.broadcast_object_list([value], src=0)

    def receive(self) -> Any:
        """What the first process sends."""
        values: list[Any] = [None]
        with self._noticing_loss():
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def gather_objects(self, value: object) -> list[Any]:
        """The values of all processes, in their order, for everyone."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with self._noticing_loss():
            dist.all_gather_object(values, value)
        return values

    def gather(self, own: Tensor, counts: list[int]) -> list[Tensor]:
        """The rows of all processes, in their order, for everyone.

        Args:
            own: any dtype, `counts[rank]` x ...
            counts: rows of each process; the rest of the shape is the same everywhere.
        """
        if not max(counts):
            return [own] * self.size
        # As bytes: not every backend knows every number format. All parts have to be of one size.
        padded = own.new_zeros(max(counts), *own.shape[1:])
        padded[: len(own)] = own
        flat = padded.flatten().view(torch.uint8)
        parts = [torch.empty_like(flat) for _ in counts]
        with self._noticing_loss():
            dist.all_gather(parts, flat)
        return [part.view(own.dtype).view(padded.shape)[:count] for part, count in zip(parts, counts, strict=True)]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, a new tensor of the same bits everywhere."""
        total = values.clone(memory_format=torch.contiguous_format)
        with self._noticing_loss():
            dist.all_reduce(total)
        return total

    def spread(self, values: Tensor) -> Tensor:
        """The first process's values, on the CPU, for everyone; the others pass a tensor of that shape to be filled."""
        with self._noticing_loss():
            dist.broadcast(values, src=0)
        return values

    def hand_over(self, values: Tensor) -> None:
        """Give rows, on the CPU, to the first process, which will `take` them; none are not sent."""
        if values.numel():
            with self._noticing_loss():
                dist.send(values, dst=0)

    def take(self, values: Tensor, rank: int) -> Tensor:
        """Fill a tensor with what the process `rank` hands over."""
        if values.numel():
            with self._noticing_loss():
                dist.recv(values, src=rank)
        return values

    def may_speak(self) -> bool:
        """Whether this process is the one to say why the run ends: the first that asks; the first process at once."""
        if self._store is None:
            return True
        with contextlib.suppress(RuntimeError):  # the store is gone with who kept it: better said twice than never
            waited = time.monotonic() + (0 if self.leads else _FIRST_SAY)
            while time.monotonic() < waited and not self._store.check([_TOLD]):
                time.sleep(0.05)
            return int(self._store.add(_TOLD, 1)) == 1
        return True

    def part(self) -> None:
        """Leave cleanly. What holds parts of the network has to be let go of before.

        Left to the interpreter's end, the threads of a group that still holds such parts can abort the process; see
        `usvireid.ending`, which does not wait for that end.
        """
        gc.collect()
        self.sum(torch.zeros(1))
        dist.destroy_process_group()

    @contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self.ending = True
            raise LostProcess(f"another process of this run has ended or does not answer; {_GO_ON}") from error


_ALONE = Group()
_current = _ALONE


def current() -> Group:
    """The group that this process is in."""
    return _current


def acting() -> Group:
    """Those who do together what is being done now: the whole group within a joint task, else this process alone."""
    return _current if _current.together else _ALONE


def started_several() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined() -> Iterator[Group]:
    """Be one of the processes that torchrun started, for the length of the block; elsewhere a group of one.

    When the block of the first process ends, the others are dismissed. After an error the group stays as it is: see
    `end_all`.

    Raises:
        UsvireidError: the processes do not find each other.
    """
    global _current
    if not started_several():
        yield _ALONE
        return
    _current = group = _join()
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield group
    except dist.DistError as error:
        raise LostProcess(f"another process of this run has ended or does not answer; {_GO_ON}") from error
    if group.leads:
        group.dismiss()
    group.part()
    signal.signal(signal.SIGTERM, before)
    _current = _ALONE


def _join() -> Group:
    try:
        store, rank, size = next(rendezvous("env://", timeout=timedelta(minutes=5)))
        # With GPUs, what lies on one goes by NCCL; everything else by Gloo.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_SILENCE)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsvireidError(f"the processes that torchrun started do not find each other ({reason}).") from error
    return Group(rank, size, store)


def _stop(number: int, frame: FrameType | None) -> None:
    """torchrun stops the other processes when one has ended."""
    if not _current.ending:
        _current.ending = True
        raise LostProcess(f"stopped by torchrun, as it does when another process of a run has ended; {_GO_ON}")


def beside() -> int:
    """How many processes of the run are on this machine, this one included."""
    return 1 if _current.size == 1 else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def own_device(device: str) -> str:
    """The setting `device` as it is meant for this process: of several on a machine each takes a GPU of its own.

    Raises:
        UsageError: fewer GPUs than processes, or one GPU for all.
    """
    if _current.size == 1 or device == "cpu" or not torch.cuda.is_available():
        return device
    if device not in ("auto", "cuda"):
        raise UsageError(f"device: {device} is one GPU; under torchrun every process takes its own: use auto or cuda.")
    place, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if place >= count:
        raise UsageError(
            f"device: {os.environ.get('LOCAL_WORLD_SIZE', 'more')} processes on this machine and {count} GPUs; "
            "start as many as there are GPUs, or use device cpu."
        )
    return f"cuda:{place}"


def end_all(message: str, code: int) -> NoReturn:
    """Say why the run ends, if no other process has, and end at once; torchrun then ends the others.

    Waiting for the others, as the interpreter's own end would, can take forever: they may wait for this one.
    """
    _current.ending = True
    alone = _current is _ALONE  # before the processes have found each other, all have the same thing to say
    speaks = (code != UsageError.exit_code or os.environ.get("RANK") == "0") if alone else _current.may_speak()
    if speaks:
        print(message, file=sys.stderr)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
