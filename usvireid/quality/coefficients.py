"""The constants of `quality.confidence`, as `scripts/calibrate_confidence.py` prints them."""

from usvireid.quality.confidence import Logistic

CROP_BY_LABELS = Logistic(-4.3, {"confidence": (0.945, -3.0), "size": (3.084, 1.5), "track": (0.004, 2.5)})
CROP = Logistic(
    -5.178,
    {
        "confidence": (0.945, -1.1),
        "size": (3.084, 1.5),
        "track": (0.004, 1.8),
        "seat": (0.63, -3.24),
        "seat by gradients": (0.342, -1.74),
    },
)
PART_BY_LABELS = Logistic(-3.5, {"confidence": (0.736, -2.0), "size": (-0.247, 1.3)})
PART = Logistic(
    -4.089,
    {
        "size": (-0.247, 1.28),
        "seat": (0.631, -1.0),
        "spread": (-0.034, 1.87),
        "gap": (0.344, 0.66),
        "seat by gradients": (0.337, -0.8),
    },
)
LINK_BY_LABELS = Logistic(0.5, {"confidence": (0.702, 3.0), "size": (2.62, 0.55)})
LINK = Logistic(
    -0.293,
    {
        "linked": (0.702, 1.6),
        "size": (2.62, 0.554),
        "margin by network": (0.002, 1.5),
        "margin by gradients": (0.02, 8.0),
        "larger margin by network": (0.051, 1.0),
        "larger margin by gradients": (0.063, 8.0),
    },
)
PAIR = Logistic(
    -2.51,
    {
        "distance": (0.014, -0.963),
        "apart": (0.385, 1.487),
        "size": (2.447, -1.65),
        "distance by gradients": (-0.008, -0.758),
    },
)
