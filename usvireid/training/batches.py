"""Batches for training, prepared in the background while the device computes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from usvireid.data.augment import Augmentation
from usvireid.data.crops import Images
from usvireid.names import MODALITIES
from usvireid.processes import Group, acting
from usvireid.training.sampling import BatchPlan
from usvireid.training.sharing import places_of

Spent = Callable[[str, float], None]
"""Told the seconds that the preparation of a batch was busy with: reading ("load") and changing ("augment")."""

_AHEAD = 2
"""Prepared batches that may wait: enough to hide the preparation, small in memory."""


@dataclass(frozen=True)
class Batch:
    """A batch on the device.

    Per modality: `images`, float32 B x 3 x H x W, 0 to 255; `identities` and `rows` (the crops' row numbers in the
    table), int64 B. With a second view the visible half holds every crop twice, in two blocks. `repeats` is how often
    an identity occurs in a modality, known without asking the device.

    Where several processes train together, `images` are those that this one encodes, and `places` says which rows of
    the batch each process has (`sharing.places_of`); everything else is of the whole batch. Alone, `places` is None.
    """

    images: dict[str, Tensor]
    identities: dict[str, Tensor]
    rows: dict[str, Tensor]
    repeats: dict[str, int]
    places: list[Tensor] | None = None

    def all_identities(self) -> Tensor:
        """The identities of the whole batch, in the order in which the encoder puts the modalities."""
        return torch.cat([self.identities[modality] for modality in MODALITIES if modality in self.identities])

    def __len__(self) -> int:
        return sum(map(len, self.identities.values()))

    def positions(self) -> dict[str, Tensor] | None:
        """Of each modality's rows in the whole batch, those that `images` holds (int64, on the CPU); None: all."""
        if self.places is None:
            return None
        found: dict[str, Tensor] = {}
        own, first = self.places[acting().rank], 0
        for modality in (name for name in MODALITIES if name in self.identities):
            last = first + len(self.identities[modality])
            found[modality] = own[(own >= first) & (own < last)] - first
            first = last
        return found

    def used_on(self, stream: torch.cuda.Stream) -> None:
        """Tell PyTorch's allocator that a stream reads the batch, lest its memory be given away too early."""
        for tensors in (self.images, self.identities, self.rows):
            for tensor in tensors.values():
                tensor.record_stream(stream)


_Ready = tuple[Batch, torch.cuda.Event | None]
"""A batch, and what a GPU has to have passed before it is there."""


def prepare(
    plan: BatchPlan,
    images: Images,
    augmentations: dict[str, tuple[Augmentation, ...]],
    device: torch.device,
    generator: torch.Generator,
    spent: Spent = lambda name, seconds: None,
    group: Group | None = None,
) -> Batch:
    """Read, move and augment the crops of one batch; one block of rows per augmentation of the modality.

    Of the crops, those that are this process's to encode, where a group of several is given.
    """
    group = group or Group()
    pixels, identities, numbers, repeats = {}, {}, {}, {}
    for modality, rows in plan.rows.items():
        flat = rows.ravel()
        start = time.perf_counter()
        own = group.portions(len(flat))[group.rank]
        raw = torch.from_numpy(images(flat[own.start : own.stop]))
        if device.type == "cuda":
            raw = raw.pin_memory()
        raw = raw.to(device, non_blocking=True).permute(0, 3, 1, 2)
        loaded = time.perf_counter()
        views = augmentations[modality]
        pixels[modality] = torch.cat([change(raw, modality, generator, own) for change in views])
        spent("load", loaded - start)
        spent("augment", time.perf_counter() - loaded)
        identity = torch.from_numpy(plan.identities[modality].ravel()).repeat(len(views))
        identities[modality] = identity.to(device, non_blocking=True)
        numbers[modality] = torch.from_numpy(flat).repeat(len(views)).to(device, non_blocking=True)
        repeats[modality] = rows.shape[1] * len(views)
    places = None
    present = [name for name in MODALITIES if name in plan.rows]
    if group.size > 1:
        counts = {name: (plan.rows[name].size, len(augmentations[name])) for name in present}
        places = places_of(counts.values(), group)
    return Batch(images=pixels, identities=identities, rows=numbers, repeats=repeats, places=places)


def prefetch(
    plans: Iterable[BatchPlan],
    images: Images,
    augmentations: dict[str, tuple[Augmentation, ...]],
    device: torch.device,
    generator: torch.Generator,
    spent: Spent = lambda name, seconds: None,
) -> Iterator[Batch]:
    """The prepared batches, in order, made by one background thread, which calls `spent` too.

    One thread alone uses `generator`, in the order of the plans, so the result does not depend on timing. An error in
    the thread is raised here. On a GPU the thread has a stream of its own, so that copies and changes of the next
    batches run beside the computation of this one; the stream that trains waits for a batch, the host does not.
    """
    ready: queue.Queue[_Ready | BaseException | None] = queue.Queue(maxsize=_AHEAD)
    stopped = threading.Event()
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]  # as it is

    def offer(item: _Ready | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            with nullcontext() if stream is None else torch.cuda.stream(stream):
                for plan in plans:
                    if stopped.is_set():
                        return
                    batch = prepare_own(plan)
                    offer((batch, None if stream is None else stream.record_event()))
            offer(None)
        except BaseException as error:  # handed over: it must not die unseen in a thread
            offer(error)

    prepare_own = partial(
        prepare,
        images=images,
        augmentations=augmentations,
        device=device,
        generator=generator,
        spent=spent,
        group=acting(),
    )
    thread = threading.Thread(target=work, daemon=True, name="batches")
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            batch, prepared = item
            if prepared is not None:
                training = torch.cuda.current_stream(device)
                training.wait_event(prepared)
                batch.used_on(training)
            yield batch
    finally:
        stopped.set()
        thread.join()
