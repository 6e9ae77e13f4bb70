"""The one home of column names, modality names and the names of files in a run folder."""

from typing import Final

VISIBLE: Final = "visible"
INFRARED: Final = "infrared"
MODALITIES: Final = (VISIBLE, INFRARED)
"""In the order of the arrays that hold one entry per modality."""

# Columns of the crops table.
PATH: Final = "path"
MODALITY: Final = "modality"
CAMERA: Final = "camera"
RIG: Final = "rig"
TRACK: Final = "track"
FRAME: Final = "frame"
TIME: Final = "time"
IDENTITY: Final = "identity"
SPLIT: Final = "split"
LEFT: Final = "left"
TOP: Final = "top"
WIDTH: Final = "width"
HEIGHT: Final = "height"
BOX: Final = (LEFT, TOP, WIDTH, HEIGHT)
"""A crop's box, in pixels of the picture it was cut from."""
CROP_COLUMNS: Final = (PATH, MODALITY, CAMERA, RIG, TRACK, FRAME, TIME, *BOX, IDENTITY, SPLIT)

# What footage knows of a crop beyond that: how sure the detector was, and the life of its track in frames.
SCORE: Final = "score"
QUALITY: Final = "quality"
FIRST_FRAME: Final = "first_frame"
LAST_FRAME: Final = "last_frame"
FOOTAGE_COLUMNS: Final = (
    PATH, MODALITY, CAMERA, TRACK, FRAME, TIME, *BOX, SCORE, QUALITY, FIRST_FRAME, LAST_FRAME,
)  # fmt: skip

EXCLUDABLE: Final = (CAMERA, RIG, TRACK, FRAME, TIME, IDENTITY)
"""Columns whose agreement with the query can take a gallery crop out of its ranking."""

# Values of the split column. A test crop serves as query and as gallery.
TRAIN: Final = "train"
TEST: Final = "test"
QUERY: Final = "query"
GALLERY: Final = "gallery"
SPLITS: Final = (TRAIN, TEST, QUERY, GALLERY)

# Where crops come from, which decides how they are scored: a user's own table or folders, or a benchmark read in place.
OWN: Final = "own"
SYSU_MM01: Final = "sysu-mm01"
REGDB: Final = "regdb"
LLCM: Final = "llcm"
BENCHMARKS: Final = (SYSU_MM01, REGDB, LLCM)
LAYOUTS: Final = (OWN, *BENCHMARKS)

# Further columns of the pseudo-label table (`path` and `modality` come first there too).
CLUSTER: Final = "cluster"
SUB_CLUSTER: Final = "sub_cluster"
ROLE: Final = "role"
CONFIDENCE: Final = "confidence"
LABEL_COLUMNS: Final = (PATH, MODALITY, CLUSTER, SUB_CLUSTER, IDENTITY, ROLE, CONFIDENCE)

# Roles of a crop in its cluster.
CORE: Final = "core"
BORDER: Final = "border"
OUTLIER: Final = "outlier"
ROLES: Final = (CORE, BORDER, OUTLIER)
NO_LABEL: Final = -1
"""Cluster or identity of a crop that has none."""

# Files of a data folder and of a run folder.
MANIFEST_FILE: Final = "crops.csv"
CONFIG_FILE: Final = "config.yaml"
DEMO_FILE: Final = "demo.json"
FOOTAGE_FILE: Final = "footage.json"
ENVIRONMENT_FILE: Final = "environment.json"
CALLS_FILE: Final = "calls.jsonl"
METRICS_FILE: Final = "metrics.jsonl"
PROFILE_FILE: Final = "profile.json"
EVALUATION_FILE: Final = "evaluation.json"
REPORT_FILE: Final = "report.html"
REVIEWS_FILE: Final = "reviews.csv"
TRIALS_FILE: Final = "trials.json"
TRIAL_PREFIX: Final = "trial_"
CHECKPOINT_FOLDER: Final = "checkpoints"
LABEL_FOLDER: Final = "labels"
