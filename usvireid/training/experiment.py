"""Experiment: what a recipe works with. It holds the encoder, the crops and the optimiser, and knows no identities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from usvireid import names
from usvireid.clustering.constraints import Constraints
from usvireid.config import Settings
from usvireid.data.augment import Augmentation
from usvireid.data.crops import Crops, Images
from usvireid.devices import Compute
from usvireid.display import Display
from usvireid.encoders.beside import BesideGradients
from usvireid.encoders.exported import start_from
from usvireid.encoders.extract import extract
from usvireid.encoders.features import Features
from usvireid.encoders.gradients import gradient_features
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.similarity import side_by_side
from usvireid.memory.identities import IdentityMemory
from usvireid.processes import EXTRACT, FIT, RESTORE, acting, beside, current
from usvireid.randomness import derived_seed, numpy_generator, torch_generator
from usvireid.review.answer import Answer
from usvireid.training.accumulation import PartedEncoder, crops_meet, divide
from usvireid.training.average import WeightAverage
from usvireid.training.batches import Batch, prefetch
from usvireid.training.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    refuse_changed,
    restore_encoder,
    restore_optimizer,
    shapes_of,
)
from usvireid.training.fitting import crops_that_fit
from usvireid.training.knowledge import gathered
from usvireid.training.monitor import Monitor
from usvireid.training.optimizer import add_parameters, make_optimizer, set_learning_rate
from usvireid.training.sampling import plan_batches, steps_per_epoch
from usvireid.training.schedule import learning_rate
from usvireid.training.sharing import gathered as gathered_rows
from usvireid.training.sharing import learn_alike, learn_together


@dataclass(frozen=True)
class EncodedBatch:
    """An encoded batch, taken apart by modality.

    `features` are float32 B x D unit rows, what memories hold; `pooled` are the float32 B x D pooled maps before the
    neck, what distances between crops are measured on; `necked`, float32 B x D, are those after it, what a classifier
    sees. `extra` is what else the encoder hands on, by its name there and then by modality.
    """

    features: dict[str, Tensor]
    pooled: dict[str, Tensor]
    necked: dict[str, Tensor]
    extra: dict[str, dict[str, Tensor]]

    def all_features(self) -> Tensor:
        """The features of the whole batch, visible ones first."""
        return torch.cat([self.features[modality] for modality in names.MODALITIES if modality in self.features])

    def all_necked(self) -> Tensor:
        """What a classifier sees of the whole batch, visible crops first."""
        return torch.cat([self.necked[modality] for modality in names.MODALITIES if modality in self.necked])


class Experiment:
    """The working parts of a run, for a recipe to compose.

    Args:
        settings: of the run.
        crops: what is trained on; without identities, unless the recipe may see some.
        images: the pixels of rows of `crops`.
        compute: device and number format.
        display: where to show progress.
    """

    def __init__(self, settings: Settings, crops: Crops, images: Images, compute: Compute, display: Display) -> None:
        self.settings = settings
        self.crops = crops
        self.images = images
        self.compute = compute
        self.display = display
        self.monitor = Monitor(display, compute.device)
        self.memories: dict[str, IdentityMemory] = {}
        # Nothing here draws from PyTorch's own generator; a recipe or an encoder of one's own (dropout) may.
        torch.manual_seed(derived_seed(settings.seed, "torch"))
        encoder = make_encoder(settings)
        self.encoder: Encoder = encoder.to(compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._tensors = shapes_of(self.encoder)
        self._average = WeightAverage(self.encoder) if settings.optimizer.average else None
        learn_together(self.encoder, current())
        self._parted = PartedEncoder(self.encoder.trained_part(), compute)
        self._meet = crops_meet(self.encoder)
        self._fits = settings.training.batch if isinstance(settings.training.batch, int) else None
        from_weights, scaled = settings.encoder.weights is not None, compute.scales_losses
        self.optimizer = make_optimizer(self.encoder, settings.optimizer, from_weights=from_weights, scaled=scaled)
        self._scale = GradScaler(compute.device.type, enabled=scaled)
        if scaled and compute.device.type == "cpu":
            # Measured with PyTorch 2.13: a convolution of 32 channels takes 150 times as long backward.
            display.warn_once("precision float16 on a CPU learns a hundred times slower than float32; use auto")
        self._classifier: nn.Linear | None = None
        self._told_apart: str | None = None
        self._features: Features | None = None
        self._gradients: Features | None = None
        self._constraints: Constraints | None = None
        self.answers: list[Answer] = []

    def begin(self) -> None:
        """Bring the encoder to where training begins; a run that goes on takes all this from its checkpoint.

        It starts from the weights file of the settings, if one is named, and a descriptor beside it is centred.
        """
        if self.settings.encoder.weights is not None:
            start_from(self.encoder, self.settings.encoder.weights)
        if isinstance(self.encoder, BesideGradients):
            self.encoder.centre(self.gradient_features())

    def extract_features(self) -> Features:
        """The features of all training crops by what is trained, as it is now; extracted once per state of it."""
        if self._features is None:
            with self.monitor.step("extract"), current().jointly(EXTRACT):
                self._features = self._extracted(self.encoder.trained_part(), self.crops, self.images, "features")
        return self._features

    def features_of_head(self, head: str) -> Features:
        """What another head of the encoder sees of all training crops (`Encoded.extra`), in a pass of its own."""
        with self.monitor.step("extract"):
            return self._extracted(self.encoder.trained_part(), self.crops, self.images, head, head)

    def at_hand(self) -> tuple[Features | None, Features | None]:
        """The features and the gradient descriptors that have been made for this state of the encoder, if they have."""
        return self._features, self._gradients

    def clustering_features(self) -> Features:
        """What crops are clustered by: network features, and the gradient descriptor by `clustering.gradients`."""
        return self._beside_gradients(self.settings.clustering.gradients, center=True)

    def matching_features(self) -> Features:
        """What clusters are matched by: network features, and the gradient descriptor by `matching.gradients`."""
        settings = self.settings.matching
        return self._beside_gradients(settings.gradients, center=settings.center)

    def _beside_gradients(self, share: float, *, center: bool) -> Features:
        network = self.extract_features()
        if share == 0:
            return network
        return side_by_side([(1 - share, network), (share, self.gradient_features())], center=center)

    def gradient_features(self) -> Features:
        """The gradient descriptors of all training crops; they depend on the images alone and are made once."""
        if self._gradients is None:
            with self.display.task("gradient descriptors", len(self.crops)) as advance:
                self._gradients = gradient_features(self.crops, self.images, self.compute.device, progress=advance)
        return self._gradients

    def heed(self, answers: Sequence[Answer]) -> None:
        """From now on know what a person has answered in a review."""
        if answers != self.answers:
            self.answers, self._constraints = list(answers), None

    def constraints(self) -> Constraints:
        """What is known about who is whom among the training crops; see `usvireid.training.knowledge`."""
        if self._constraints is None:
            self._constraints, contradictions = gathered(self.crops, self.settings.constraints, self.answers)
            if contradictions:
                self.display.warn_once(
                    f"{contradictions} statements about who is whom contradict weightier ones and were left out"
                )
            if self.settings.constraints.paired and self.crops.has(names.RIG):
                self.display.say(f"{len(self._constraints.pairs):,} pairs of crops by paired sensors")
        return self._constraints

    def features_of(self, crops: Crops, images: Images, title: str) -> Features:
        """The retrieval features of any crops by the encoder that the run stands for, as it is now."""
        return self._extracted(self.standing, crops, images, title)

    @property
    def standing(self) -> Encoder:
        """The encoder that the run stands for: the average of the one that learns, where the settings have one."""
        return self._average.encoder if self._average is not None and self._average.steps else self.encoder

    def _extracted(
        self, encoder: Encoder, crops: Crops, images: Images, title: str, head: str | None = None
    ) -> Features:
        batch = self.settings.encoder.batch
        with self.display.task(title, len(crops)) as advance:
            return extract(encoder, crops, images, self.compute, batch=batch, head=head, progress=advance)

    def batches(self, labels: PseudoLabels, epoch: int) -> Iterator[Batch]:
        """The augmented P x K batches of an epoch, made in the background.

        What passes between a batch and the next is told apart in the monitor: waiting for it, `encode` ("forward"), the
        losses, the two halves of `optimize` ("backward", "optimiser"), and what comes after it ("memory").
        """
        settings, monitor = self.settings, self.monitor
        steps = settings.training.steps or steps_per_epoch(
            labels, settings.sampling.identities, settings.sampling.instances
        )
        plans = plan_batches(
            labels,
            self.crops,
            identities=settings.sampling.identities,
            instances=settings.sampling.instances,
            steps=steps,
            generator=numpy_generator(settings.seed, "sampling", epoch),
            tracks=settings.constraints.tracks,
        )
        generator = torch_generator(settings.seed, "augmentation", epoch)
        self.encoder.train()
        if self._average is not None:
            self._average.reach = settings.optimizer.average * steps
        set_learning_rate(self.optimizer, learning_rate(settings.optimizer, epoch))
        with self.display.task(f"epoch {epoch}: training", steps) as advance:
            monitor.laps.begin()
            for batch in prefetch(
                plans, self.images, self._augmentations(), self.compute.device, generator, monitor.prepared
            ):
                monitor.laps.lap("wait")
                yield batch
                monitor.images += len(batch)
                monitor.laps.lap("memory")
                advance(1)

    def fit_batches(self) -> None:
        """Find out what fits into the device's memory, if `training.batch` asks, and say how batches are encoded.

        Raises:
            UsvireidError: a batch does not fit in the parts that the settings give it.
        """
        training, sampling = self.settings.training, self.settings.sampling
        crops = sampling.identities * sampling.instances
        sizes = {name: crops * len(views) for name, views in self._augmentations().items()}
        if training.batch == "auto":
            with current().jointly(FIT):
                self._fits = self._measured_fit(sum(sizes.values()))
        division = divide(sizes, training.accumulate, self._meet, self._fits, current().size)
        if division.parts > 1 or training.batch == "auto":
            parts = f"in {division.parts} parts" if division.parts > 1 else "whole"
            again = ", each encoded again in the backward pass" if division.again else ""
            fits = "" if self._fits is None else f"; {self._fits:,} crops fit at a time"
            self.display.say(f"batches of {sum(sizes.values()):,} crops {parts}{again}{fits}")

    def _measured_fit(self, most: int) -> int:
        """The crops that fit; of several processes, where the fewest do."""
        group, data = current(), self.settings.data
        with group.separately():
            found = crops_that_fit(self.encoder, self.compute, data.height, data.width, max(4, most))
        if self.compute.device.type == "cpu":
            found //= beside()
        return int(min(group.gather_objects(found)))

    def encode(self, batch: Batch) -> EncodedBatch:
        """Run the encoder forward on both halves of a batch together, in parts where the settings say so.

        Of several processes each takes its rows of the batch, and everyone gets all features.
        """
        present = [modality for modality in names.MODALITIES if modality in batch.images]
        sizes: dict[str, int] = {name: len(batch.identities[name]) for name in present}
        division = divide(sizes, self.settings.training.accumulate, self._meet, self._fits, acting().size)
        if division.parts > 1:
            encoded = self._parted(batch.images, division.parts, again=division.again, positions=batch.positions())
        else:
            with self.compute.autocast():
                encoded = self.encoder(batch.images)

        def apart(rows: Tensor) -> dict[str, Tensor]:
            if batch.places is not None:
                rows = gathered_rows(rows, batch.places)
            return dict(zip(present, torch.split(rows, list(sizes.values())), strict=True))

        self.monitor.laps.lap("forward")
        return EncodedBatch(
            features=apart(encoded.features),
            pooled=apart(encoded.pooled),
            necked=apart(encoded.necked),
            extra={name: apart(rows) for name, rows in encoded.extra.items()},
        )

    def classifier(self, classes: int) -> nn.Linear:
        """A linear layer from features after the neck to so many identities, trained with the encoder and kept.

        It is made at the first call, with weights drawn from the seed.

        Raises:
            UsvireidError: there is one already, for other identities.
        """
        if self._classifier is None:
            self._classifier, self._told_apart = self._new_classifier(classes), self._known_people()
        if not self.classifies(classes):
            raise UsvireidError(
                f"the classifier knows {self._classifier.out_features} identities, and the {classes} that the crops "
                "have now are others; give another --out to start anew."
            )
        return self._classifier

    def classifies(self, classes: int) -> bool:
        """Whether the classifier, if there is one already, is of the identities (so many) that the crops have now."""
        if self._classifier is None:
            return True
        same = self._told_apart is None or self._told_apart == self._known_people()
        return same and self._classifier.out_features == classes

    def _known_people(self) -> str:
        """A digest of the identities of the crops."""
        people = "\n".join(sorted(self.crops.table[names.IDENTITY].dropna().unique()))
        return hashlib.sha256(people.encode()).hexdigest()

    def _new_classifier(self, classes: int) -> nn.Linear:
        layer = nn.Linear(self.encoder.trained_part().width, classes, bias=False)
        nn.init.normal_(layer.weight, std=0.001, generator=torch_generator(self.settings.seed, "classifier", 0))
        layer = layer.to(self.compute.device)
        learn_alike(layer, current())
        add_parameters(self.optimizer, layer.parameters())
        return layer

    def optimize(self, losses: dict[str, tuple[float, Tensor]]) -> None:
        """One step of the optimiser on the weighted sum of the losses: name to (weight, value)."""
        for name, (_, value) in losses.items():
            self.monitor.loss(name, value)
        if not any(weight for weight, _ in losses.values()):
            raise UsageError(f"losses: the weights of {', '.join(losses)} are all 0, so nothing is learnt; set one.")
        loss = torch.stack([weight * value for weight, value in losses.values()]).sum()
        self.monitor.laps.lap("losses")
        self._features = None
        self.optimizer.zero_grad(set_to_none=True)
        self._scale.scale(loss).backward()  # type: ignore[no-untyped-call]  # PyTorch's own signature has no types
        self.monitor.laps.lap("backward")
        self._scale.step(self.optimizer)
        self._scale.update()
        if self._average is not None:
            self._average.update(self.encoder)
        self.monitor.laps.lap("optimiser")

    def own_memory(self, modality: str, features: Features, labels: PseudoLabels) -> IdentityMemory:
        """A fresh memory of one modality's identities, kept in the checkpoints under the modality's name."""
        momentum, device = self.settings.memory.momentum, self.compute.device
        self.memories[modality] = IdentityMemory.of_modality(features, labels, modality, momentum, device)
        return self.memories[modality]

    def shared_memory(self, features: Features, labels: PseudoLabels, identities: np.ndarray) -> IdentityMemory:
        """A fresh memory of some identities, both modalities in one, kept in the checkpoints as "shared"."""
        settings, device = self.settings.memory, self.compute.device
        by_crops = settings.shared == "crops"
        memory = IdentityMemory.shared(features, labels, identities, settings.momentum, device, by_crops=by_crops)
        self.memories["shared"] = memory
        return self.memories["shared"]

    def checkpoint(self, epoch: int, facts: dict[str, object]) -> Checkpoint:
        """Everything needed to go on after this epoch, and further facts to keep with it.

        Raises:
            UsvireidError: the encoder has other tensors than when it was made, which nothing could be restored from.
        """
        refuse_changed(self.encoder, self._tensors, self.settings.encoder.name)
        state, groups = optimizer_tensors(self.optimizer)
        tensors = {f"encoder.{key}": value for key, value in self.standing.state_dict().items()}
        if self._average is not None and self._average.steps:
            tensors |= {f"learner.{key}": value for key, value in self.encoder.state_dict().items()}
            facts = {"averaged_steps": self._average.steps, **facts}
        if self.compute.scales_losses:
            facts = {"loss_scale": self._scale.state_dict(), **facts}
        tensors |= {f"optimizer.{key}": value for key, value in state.items()}
        for name, memory in self.memories.items():
            tensors |= {f"memory.{name}.{key}": value for key, value in memory.state_dict().items()}
        if self._classifier is not None:
            tensors["classifier.weight"] = self._classifier.weight
            facts = {"told_apart": self._told_apart, **facts}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.compute.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.compute.device)
        return Checkpoint(epoch=epoch, tensors=tensors, facts={"optimizer_groups": groups, **facts})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Bring back the state that `checkpoint` describes.

        Raises:
            DataError: it is of another network, or not whole.
        """
        with current().jointly(RESTORE, checkpoint):
            restore_encoder(self.encoder, checkpoint, checkpoint.learner)
        if self._average is not None:
            restore_encoder(self._average.encoder, checkpoint)
            self._average.steps = checkpoint.fact("averaged_steps") if checkpoint.learner == "learner" else 0
        try:
            self._restore_the_rest(checkpoint)
        except (LookupError, ValueError, TypeError) as error:
            raise DataError(
                f"the checkpoint of epoch {checkpoint.epoch} is not whole ({type(error).__name__}: {error}); remove "
                "its file, and the same command goes on from the one before."
            ) from None
        self._features = None

    def _restore_the_rest(self, checkpoint: Checkpoint) -> None:
        if "classifier.weight" in checkpoint.tensors:
            weight = checkpoint.tensors["classifier.weight"]
            if self._classifier is None:
                self._classifier = self._new_classifier(len(weight))
            self._classifier.load_state_dict({"weight": weight})
            self._told_apart = checkpoint.facts.get("told_apart")
        elif self._classifier is not None:  # made since; its group of parameters was the last to be added
            self.optimizer.state.pop(self._classifier.weight, None)
            self.optimizer.param_groups.pop()
            self._classifier = self._told_apart = None
        restore_optimizer(self.optimizer, checkpoint.part("optimizer."), checkpoint.fact("optimizer_groups"))
        if self.compute.scales_losses:
            self._scale.load_state_dict(checkpoint.fact("loss_scale"))
        banks = {key.partition(".")[0] for key in checkpoint.part("memory.")}
        self.memories = {
            name: IdentityMemory.of_state(
                checkpoint.part(f"memory.{name}."), self.settings.memory.momentum, self.compute.device
            )
            for name in sorted(banks)
        }
        torch.set_rng_state(checkpoint.tensors["random.cpu"])
        if self.compute.device.type == "cuda" and "random.cuda" in checkpoint.tensors:
            torch.cuda.set_rng_state(checkpoint.tensors["random.cuda"], self.compute.device)

    def _augmentations(self) -> dict[str, tuple[Augmentation, ...]]:
        settings = self.settings.augment
        first = Augmentation(**settings.model_dump(exclude={"second_view"}))
        if not settings.second_view:
            return dict.fromkeys(names.MODALITIES, (first,))
        return {names.VISIBLE: (first, replace(first, channel=1.0)), names.INFRARED: (first,)}
