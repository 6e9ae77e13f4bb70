"""Batches for training, prepared in the background while the device computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
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


def prepare(
    plan: BatchPlan,
    images: Images,
    augmentations: dict[str, tuple[Augmentation, ...]],
    device: torch.device,
    generator: torch.Generator,
    group: Group | None = None,
) -> Batch:
    """Read, move and augment the crops of one batch; one block of rows per augmentation of the modality.

    Of the crops, those that are this process's to encode, where a group of several is given.
    """
    group = group or Group()
    pixels, identities, numbers, repeats = {}, {}, {}, {}
    for modality, rows in plan.rows.items():
        flat = rows.ravel()
        own = group.portions(len(flat))[group.rank]
        raw = torch.from_numpy(images(flat[own.start : own.stop]))
        if device.type == "cuda":
            raw = raw.pin_memory()
        raw = raw.to(device, non_blocking=True).permute(0, 3, 1, 2)
        views = augmentations[modality]
        pixels[modality] = torch.cat([change(raw, modality, generator, own) for change in views])
        identity = torch.from_numpy(plan.identities[modality].ravel()).repeat(len(views))
        identities[modality] = identity.to(device, non_blocking=True)
        numbers[modality] = torch.from_numpy(flat).repeat(len(views)).to(device, non_blocking=True)
        repeats[modality] = rows.shape[1] * len(views)
    places = None
    present = [name for name in MODALITIES if name in plan.rows]
    if group.size > 1:
        counts = {name: (plan.rows[name].size, len(augmentations[name])) for name in present}
        places = [place.to(device) for place in places_of(counts.values(), group)]
    return Batch(images=pixels, identities=identities, rows=numbers, repeats=repeats, places=places)


def prefetch(
    plans: Iterable[BatchPlan],
    images: Images,
    augmentations: dict[str, tuple[Augmentation, ...]],
    device: torch.device,
    generator: torch.Generator,
) -> Iterator[Batch]:
    """The prepared batches, in order, made by one background thread.

    One thread alone uses `generator`, in the order of the plans, so the result does not depend on timing. An error in
    the thread is raised here.
    """
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=_AHEAD)
    stopped = threading.Event()

    def offer(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for plan in plans:
                if stopped.is_set():
                    return
                offer(prepared(plan))
            offer(None)
        except BaseException as error:  # handed over: it must not die unseen in a thread
            offer(error)

    prepared = partial(
        prepare, images=images, augmentations=augmentations, device=device, generator=generator, group=acting()
    )
    thread = threading.Thread(target=work, daemon=True, name="batches")
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
