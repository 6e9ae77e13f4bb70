"""The settings of a run: one typed tree, with the defaults of a run."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from usvireid import names
from usvireid.loss_weights import Weight

RESNETS = ("resnet18", "resnet50")
VIT = "vit-b16"
ENCODERS = (*RESNETS, VIT)
STAGES = ("cluster", "train", "evaluate", "report")

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class DataSettings(_Part):
    """Which crops, and what the encoder sees of one."""

    format: Literal["auto", "own", "sysu-mm01", "regdb", "llcm"] = Field(
        "auto", description="layout of the data; auto: recognised by what lies in the folder"
    )
    trial: Annotated[int, Field(ge=1, le=10)] = Field(1, description="which of RegDB's ten; the others have none")
    height: Annotated[int, Field(ge=32, le=1024)] = Field(288, description="pixels every crop is scaled to")
    width: Annotated[int, Field(ge=16, le=1024)] = Field(144, description="pixels every crop is scaled to")
    strict: bool = Field(False, description="refuse unreadable images instead of leaving them out")
    cache: Path | None = Field(None, description="folder for decoded crops; none: the user's cache folder")


class MpfrSettings(_Part):
    """Multi-perception feature refinement (ICRE): the clues of three shallow stages in one map."""

    use: bool = Field(False, description="use it")
    stages: Literal["1-3", "2-4"] = Field("1-3", description="which three of the four stages")
    width: Annotated[int, Field(ge=8, le=4096)] | Literal["auto"] = Field(
        "auto", description="channels; auto: a quarter of the deepest stage's, 512 for resnet50"
    )
    mask: Literal["sigmoid", "softmax"] = Field(
        "sigmoid", description="each stage masked by itself, or the stages weighed against each other"
    )
    residual: bool = Field(True, description="add what was masked to what was not")
    fuse: Literal["concat", "sum"] = Field("concat", description="how the stages become one map")


class SdceSettings(_Part):
    """Semantic distillation cascade enhancement (ICRE): attention brings the clues into the deepest map."""

    use: bool = Field(False, description="use it; without it MPFR's map is added through a convolution")
    query: Literal["deep", "shallow"] = Field("deep", description="the side that asks in the cross-attention")
    heads: Annotated[int, Field(ge=1, le=64)] = Field(8, description="of the attention")
    feedforward: Annotated[int, Field(ge=1, le=16)] = Field(4, description="widening of the non-linear refinement")
    zero_output: bool = Field(True, description="begin as the plain encoder, with SDCE or MPFR alone")


class VitSettings(_Part):
    """A vision transformer with a deep and a shallow head; as it stands, ViT-B/16."""

    depth: Annotated[int, Field(ge=2, le=64)] = Field(12, description="blocks")
    width: Annotated[int, Field(ge=8, le=4096)] = Field(768, description="channels of a token, length of a feature")
    heads: Annotated[int, Field(ge=1, le=64)] = Field(12, description="of the attention")
    patch: Annotated[int, Field(ge=4, le=64)] = Field(16, description="pixels on a side of a patch")
    stride: Annotated[int, Field(ge=2, le=64)] = Field(16, description="pixels from patch to patch")
    shallow: Count = Field(6, description="block after which the shallow head reads the class token")

    @model_validator(mode="after")
    def _fits(self) -> VitSettings:
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) does not divide width ({self.width})")
        if self.stride > self.patch:
            raise ValueError(f"stride ({self.stride}) is larger than patch ({self.patch}); pixels would be left out")
        if self.shallow >= self.depth:
            raise ValueError(f"shallow ({self.shallow}) has to be below depth ({self.depth}), the deep head's block")
        return self


def _known_encoder(name: str) -> str:
    if name not in ENCODERS and not name.endswith(".py"):
        raise ValueError(f"no encoder '{name}'; use {', '.join(ENCODERS)}, or the path of a Python file")
    return name


class EncoderSettings(_Part):
    """The network."""

    name: Annotated[str, AfterValidator(_known_encoder)] = Field(
        "resnet50", description=f"{', '.join(ENCODERS)}, or the path of a Python file"
    )
    width: Annotated[int, Field(ge=8, le=256)] = Field(
        64, description="channels of a ResNet's first stage; 64 is the usual one"
    )
    weights: Path | None = Field(
        None, description="file of backbone weights or an exported encoder to start from; none: random"
    )
    sees: Literal["colours", "edges"] = Field(
        "colours", description="pixels as they are, or their edges, which look alike to every sensor"
    )
    gem_p: Annotated[float, Field(ge=1, le=20)] = Field(3.0, description="exponent of the pooling")
    mpfr: MpfrSettings = MpfrSettings()
    sdce: SdceSettings = SdceSettings()
    vit: VitSettings = VitSettings()
    gradients: Share = Field(
        0.0, description="share of the gradient descriptor in what is compared beside the network; 0: network alone"
    )
    batch: Count = Field(128, description="crops at a time when features are extracted")

    @model_validator(mode="after")
    def _parts_fit(self) -> EncoderSettings:
        if self.sdce.use and not self.mpfr.use:
            raise ValueError("sdce.use needs mpfr.use: what SDCE attends to is MPFR's map")
        if self.mpfr.use and self.name not in RESNETS:
            raise ValueError(f"mpfr.use and sdce.use refine the stages of a ResNet; '{self.name}' has none")
        width = self.mpfr.width
        if self.sdce.use and width != "auto" and width % self.sdce.heads:
            raise ValueError(f"sdce.heads ({self.sdce.heads}) does not divide mpfr.width ({width})")
        return self


class NeighborSettings(_Part):
    """The neighbourhood graph (k-reciprocal Jaccard distance)."""

    k1: Annotated[int, Field(ge=2, le=2048)] = Field(30, description="neighbours of a crop, itself included")
    k2: Annotated[int, Field(ge=1, le=2048)] = Field(6, description="neighbours averaged in query expansion")
    backend: Literal["auto", "faiss-gpu", "torch-cuda", "faiss-cpu", "torch-cpu"] = Field(
        "auto", description="who searches"
    )
    approximate_above: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        None,
        description="crops of a modality above which FAISS's inverted lists search, approximately; none: always exact",
    )

    @model_validator(mode="after")
    def _k2_within_k1(self) -> NeighborSettings:
        if self.k2 > self.k1:
            raise ValueError(
                f"k2 ({self.k2}) is larger than k1 ({self.k1}); query expansion uses some of the k1 neighbours"
            )
        return self


class PartsSettings(_Part):
    """Secondary clustering: the parts of a cluster, each with a centre of its own in the multi-centre memory."""

    rule: Literal["none", "fixed", "size", "tree"] = Field(
        "none",
        description="whole clusters, so many parts in each larger one, a part for so many crops, or the leaves of "
        "HDBSCAN's tree",
    )
    count: Annotated[int, Field(ge=2, le=256)] = Field(
        9, description="fixed: parts; size: the most parts; tree: the most, of more leaves the largest"
    )
    crops: Annotated[float, Field(ge=1)] = Field(8.0, description="size: crops of a part on average")
    of: Literal["clusters", "identities"] = Field(
        "clusters", description="what is divided: clusters of a modality, or identities of both, with shared centres"
    )

    @model_validator(mode="after")
    def _tree_is_of_clusters(self) -> PartsSettings:
        if self.rule == "tree" and self.of == "identities":
            raise ValueError("rule tree needs of clusters: identities are of both modalities, and no graph spans both")
        return self


class ClusteringSettings(_Part):
    """Pseudo-identities within a modality."""

    method: Literal["dbscan", "hdbscan"] = Field("dbscan", description="the clustering")
    eps: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = Field(
        "auto", description="DBSCAN radius, in Jaccard distance; auto: the largest before clusters swallow each other"
    )
    min_samples: Annotated[int, Field(ge=1)] = Field(
        4, description="crops within eps that make a core, itself included"
    )
    gradients: Share = Field(
        0.3, description="share of the gradient descriptor beside the network in what is clustered; 0: network alone"
    )
    parts: PartsSettings = PartsSettings()


class ConstraintSettings(_Part):
    """What is known beforehand of who is whom: pairs of crops that must link, pairs that cannot."""

    tracks: bool = Field(True, description="a track is one person, two tracks seen at once by a camera are two")
    paired: bool = Field(
        True,
        description="what the sensors of a rig see at one instant and place is one person in both modalities",
    )
    travel: Path | None = Field(
        None, description="CSV from,to,seconds: no track gets from one camera to another faster; none: not used"
    )


class KnownSettings(_Part):
    """Which of the table's identities a recipe that uses identities gets to see."""

    share: Share = Field(1.0, description="share of the identities, drawn at random")
    modality: Literal["both", "visible", "infrared"] = Field("both", description="in which crops")


class MatchingSettings(_Part):
    """From clusters of one modality to those of the other."""

    method: Literal["brst", "brst-released", "brst-images", "mutual", "hungarian", "transport"] = Field(
        "brst", description="the matcher; brst-images labels image by image, as HIL's released code"
    )
    tau: Share = Field(0.8, description="share of the best reverse similarity that a link must reach")
    center: bool = Field(True, description="subtract each modality's mean feature first")
    gradients: Share = Field(0.5, description="share of the gradient descriptor beside the network; 0: network alone")
    csls_k: Annotated[int, Field(ge=0)] = Field(5, description="neighbours of local scaling; 0: none")
    chance: Share = Field(
        1.0, description="links that strangers would reach with a larger chance are left out; 1: none are"
    )


class MemorySettings(_Part):
    """Memory banks."""

    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="share of a centre that an update keeps")
    temperature: Annotated[float, Field(gt=0)] = Field(0.05, description="of the contrasts with memories")
    own: Literal["always", "until-shared"] = Field(
        "always", description="when the own modality's memory serves: also beside the shared one, or only before it"
    )
    shared: Literal["modalities", "crops"] = Field(
        "modalities", description="what weighs alike in a shared centre as it starts: the modalities, or all crops"
    )
    centres: Literal["described", "released"] = Field(
        "described", description="several centres an identity: moving means of its parts, or HIL's released code's"
    )
    shrink: Share = Field(0.0, description="how far the centres of parts are drawn to the mean of the whole")
    instance_momentum: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.9, description="share of a crop's row that an update keeps"
    )


class LossSettings(_Part):
    """Weights of the losses; 0 switches one off, steps such as [[1, 0.1], [41, 1]] hold from an epoch on."""

    own: Weight = Field(1.0, description="contrast with the own modality's memory")
    shared: Weight = Field(1.0, description="contrast with the memory of identities in both")
    triplet: Weight = Field(1.0, description="cross-modal triplet")
    margin: Annotated[float, Field(ge=0)] = Field(0.3, description="margin of the triplet")
    mccl: Weight = Field(0.0, description="contrast with several centres an identity (HIL)")
    mccl_form: Literal["labelled", "nearest"] = Field(
        "labelled", description="own identity against the others, or, as released, the nearest one"
    )
    homogeneous: Weight = Field(0.0, description="near crops of the own modality (HIL)")
    own_row: bool = Field(False, description="a crop is near to itself in the homogeneous term, as released")
    heterogeneous: Weight = Field(0.0, description="near crops of the other modality (HIL)")
    identity: Weight = Field(1.0, description="classifier of known identities (supervised, semi_supervised)")
    icg: Weight = Field(0.0, description="identity clues guided loss (ICRE)")


class IcgSettings(_Part):
    """The form of the identity clues guided loss (ICRE)."""

    form: Literal["sample-centre", "centre-triplet", "sample-triplet"] = Field(
        "sample-centre", description="samples near the centre and centres apart, or a triplet of either"
    )
    target: Literal["other", "joint"] = Field(
        "other", description="the centre that a sample is drawn to: the other modality's, or that of both"
    )
    normalised: bool = Field(False, description="measure on unit features, where rho2 is a real constraint")
    rho1: Annotated[float, Field(ge=0)] = Field(0.01, description="distance to the centre that costs nothing")
    rho2: Annotated[float, Field(ge=0)] = Field(0.7, description="distance between centres that costs nothing")
    margin: Annotated[float, Field(ge=0)] = Field(0.3, description="of the triplet forms")


class SamplingSettings(_Part):
    """Batches: P identities with K crops each, per modality."""

    identities: Count = Field(8, description="P")
    instances: Count = Field(16, description="K")


class AugmentSettings(_Part):
    """Random changes of training crops; see `usvireid.data.augment`."""

    pad: Annotated[int, Field(ge=0, le=256)] = Field(10, description="pixels of shift")
    mirror: Share = Field(0.5, description="chance of a mirror image")
    erase: Share = Field(0.5, description="chance of random erasing")
    channel: Share = Field(0.5, description="chance of one channel for all three (visible)")
    grey: Share = Field(0.5, description="chance of a mix towards grey")
    remap: Share = Field(0.5, description="chance of a random intensity curve (both modalities)")
    second_view: bool = Field(True, description="visible crops a second time, always with one channel for all three")


class OptimizerSettings(_Part):
    """The optimiser and its schedule."""

    name: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or SGD with Nesterov momentum")
    learning_rate: Annotated[float, Field(gt=0)] = Field(3.5e-4, description="after the warm-up")
    backbone: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="share of the rate for what encoder.weights fills; without weights all learns alike"
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(5e-4, description="decoupled in AdamW")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="of SGD")
    warmup: Annotated[int, Field(ge=0)] = Field(0, description="epochs of linear growth of the rate")
    decay_every: Count = Field(20, description="epochs between reductions of the rate")
    decay_after: list[Count] = Field([], description="epochs after which the rate is reduced, instead of decay_every")
    decay: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="factor of a reduction")
    average: Annotated[float, Field(ge=0)] = Field(
        0.0, description="epochs that a running average of the weights reaches back, which the run stands for; 0: none"
    )


class TrainingSettings(_Part):
    """Epochs."""

    epochs: Annotated[int, Field(ge=0)] = Field(60, description="in all")
    intra_epochs: Annotated[int, Field(ge=0)] = Field(
        20, description="first epochs, in which nothing crosses modalities but what is known beforehand"
    )
    steps: Annotated[int, Field(ge=0)] = Field(
        0, description="batches an epoch; 0: every labelled crop once on average"
    )
    accumulate: Count = Field(
        1, description="parts in which a batch goes through the encoder; batch normalisation sees one at a time"
    )
    batch: Annotated[int, Field(ge=4)] | Literal["auto"] | None = Field(
        None, description="crops on the device at a time, which changes nothing that is learnt; auto: as many as fit"
    )
    keep_checkpoints: Count = Field(2, description="newest checkpoints that stay on disk")


class GuardSettings(_Part):
    """Against collapse: ill pseudo-labels are not trained on; see `usvireid.training.guard`."""

    use: bool = Field(True, description="go back to the state before, with other values, where clusters collapse")
    rollbacks: Count = Field(4, description="how often, before the run stops")


def _known_columns(columns: list[str]) -> list[str]:
    for column in columns:
        if column not in names.EXCLUDABLE:
            near = difflib.get_close_matches(column.strip().lower(), names.EXCLUDABLE, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise ValueError(f"'{column}' is no column to exclude by; {hint}use {', '.join(names.EXCLUDABLE)}")
    return columns


class SelectionSettings(_Part):
    """Which epoch's encoder a run stands for; see `usvireid.quality.selection`."""

    method: Literal["last", "label-free", "held-out", "test"] = Field(
        "last", description="last: none is selected; test: by the test scores, and results say so"
    )
    share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.1, description="held-out: share of the training identities that is kept out of training"
    )


class QualitySettings(_Part):
    """Measures of the pseudo-labels that need no identities; see `docs/quality.md`."""

    measures: Literal["all", "cheap", "counts"] = Field(
        "all", description="cheap: without HDBSCAN beside DBSCAN and advice on eps; counts: what the labels say alone"
    )


class EvaluationSettings(_Part):
    """Scoring, where identities are known. Nothing is selected by these scores unless selection.method is test."""

    exclude: Annotated[list[str], AfterValidator(_known_columns)] = Field(
        [], description="drop gallery crops that share all these columns with the query"
    )
    min_frame_gap: Annotated[int, Field(ge=1)] | None = Field(
        None, description="drop gallery crops of the query's camera nearer than this many frames"
    )
    every: Count = Field(1, description="epochs between scores")
    protocol: Literal["auto", "own", "sysu-mm01", "regdb", "llcm"] = Field(
        "auto", description="who asks whom, and how it is counted; auto: as the data's layout has it"
    )
    trials: Count = Field(10, description="galleries drawn, where the protocol draws (SYSU-MM01, LLCM)")
    draw: Literal["seeded", "file"] = Field(
        "seeded", description="SYSU-MM01: by Python's generator, or by the data set's exp/rand_perm_cam.mat"
    )
    shots: Annotated[list[Literal["single", "multi"]], Field(min_length=1)] = Field(
        ["single"], description="SYSU-MM01: one image of an identity and camera in the gallery, ten, or both ways"
    )
    rerank: bool = Field(False, description="also score k-reciprocally re-ranked distances, as rows of their own")


class ReportSettings(_Part):
    """What `report.html` shows of people."""

    images: bool = Field(True, description="pictures of crops; without them the file can be shared more freely")
    blur_faces: bool = Field(False, description="blur the head region of every picture")


class Settings(_Part):
    """Everything a run is made of."""

    pipeline: str = Field("hil", description="a recipe's name, or the path of a Python file")
    stages: list[Literal["cluster", "train", "evaluate", "report"]] = Field(
        ["cluster", "train", "evaluate", "report"], description="what to do"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="of everything random")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="number format of the convolutions; float16 for GPUs that lack bfloat16"
    )
    data: DataSettings = DataSettings()
    encoder: EncoderSettings = EncoderSettings()
    neighbors: NeighborSettings = NeighborSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    constraints: ConstraintSettings = ConstraintSettings()
    known: KnownSettings = KnownSettings()
    matching: MatchingSettings = MatchingSettings()
    memory: MemorySettings = MemorySettings()
    losses: LossSettings = LossSettings()
    icg: IcgSettings = IcgSettings()
    sampling: SamplingSettings = SamplingSettings()
    augment: AugmentSettings = AugmentSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    training: TrainingSettings = TrainingSettings()
    guard: GuardSettings = GuardSettings()
    selection: SelectionSettings = SelectionSettings()
    quality: QualitySettings = QualitySettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    report: ReportSettings = ReportSettings()
    options: dict[str, Any] = Field({}, description="settings of your own recipe; free form")

    @model_validator(mode="after")
    def _stages_make_sense(self) -> Settings:
        if not self.stages:
            raise ValueError("stages: name at least one of " + ", ".join(STAGES))
        if len(set(self.stages)) < len(self.stages):
            raise ValueError("stages: each stage once")
        return self

    @model_validator(mode="after")
    def _batches_make_sense(self) -> Settings:
        if self.sampling.identities * self.sampling.instances < 2:
            raise ValueError("sampling: identities x instances is 1; a batch needs at least 2 crops of a modality")
        return self


# What may differ between two calls on one run folder: it changes how far and where the run goes, not what it is.
RESUMABLE = frozenset(
    {
        "stages",
        "device",
        "data.cache",
        "data.strict",
        "neighbors.backend",
        "training.batch",
        "training.epochs",
        "training.keep_checkpoints",
        "quality.measures",
        "evaluation.exclude",
        "evaluation.min_frame_gap",
        "evaluation.every",
        "evaluation.protocol",
        "evaluation.trials",
        "evaluation.draw",
        "evaluation.shots",
        "evaluation.rerank",
        "report.images",
        "report.blur_faces",
    }
)


_DROPPING = frozenset({"evaluation.exclude", "evaluation.min_frame_gap"})
_SCORING = frozenset(name for name in RESUMABLE if name.startswith("evaluation.")) - {"evaluation.rerank"}


def resumable(settings: Settings) -> frozenset[str]:
    """`RESUMABLE`, without the rules of the scores that select an epoch: scores by other rules would not compare."""
    return RESUMABLE - {"held-out": _DROPPING, "test": _SCORING}.get(settings.selection.method, frozenset())
