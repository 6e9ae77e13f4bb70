"""The constants of `quality.confidence`, written by `scripts/calibrate_confidence.py`."""

from usvireid.quality.confidence import BOTH, LABELS, NETWORK, Logistic

CROP = {
    LABELS: Logistic(
        -3.268,
        {
            "confidence": (0.885, -0.78),
            "size": (0.226, 2.497),
            "track": (0.0, 0.0),
        },
    ),
    NETWORK: Logistic(
        -3.324,
        {
            "confidence": (0.885, 0.0),
            "size": (0.226, 2.527),
            "track": (0.0, 0.0),
            "seat": (0.462, -1.696),
        },
    ),
    BOTH: Logistic(
        -3.733,
        {
            "confidence": (0.885, 0.0),
            "size": (0.226, 2.603),
            "track": (0.0, 0.0),
            "seat": (0.462, 0.0),
            "seat by gradients": (0.264, -5.072),
        },
    ),
}

PART = {
    LABELS: Logistic(
        -3.442,
        {
            "confidence": (0.623, -0.851),
            "size": (0.023, 4.011),
        },
    ),
    NETWORK: Logistic(
        -3.6,
        {
            "confidence": (0.623, 0.0),
            "size": (0.023, 3.986),
            "seat": (0.434, -0.324),
            "spread": (-0.083, 1.209),
            "gap": (0.436, 0.0),
        },
    ),
    BOTH: Logistic(
        -3.813,
        {
            "confidence": (0.623, 0.0),
            "size": (0.023, 4.232),
            "seat": (0.434, 0.0),
            "spread": (-0.083, 0.668),
            "gap": (0.436, 0.0),
            "seat by gradients": (0.236, -5.591),
        },
    ),
}

LINK = {
    LABELS: Logistic(
        -0.176,
        {
            "confidence": (0.572, 5.23),
            "size": (-0.283, 0.203),
        },
    ),
    NETWORK: Logistic(
        -1.491,
        {
            "confidence": (0.572, 5.215),
            "size": (-0.295, 0.116),
            "linked": (0.504, 2.639),
            "similarity by network": (-0.097, 0.0),
            "margin by network": (-0.143, 0.0),
            "larger margin by network": (-0.107, 0.0),
        },
    ),
    BOTH: Logistic(
        -3.048,
        {
            "confidence": (0.572, 1.967),
            "size": (-0.295, 0.025),
            "linked": (0.504, 0.612),
            "similarity by network": (-0.097, 0.411),
            "margin by network": (-0.143, 0.0),
            "larger margin by network": (-0.107, 0.0),
            "similarity by gradients": (-0.052, 9.646),
            "margin by gradients": (-0.085, 10.486),
            "larger margin by gradients": (-0.046, 0.472),
        },
    ),
}

PAIR = {
    NETWORK: Logistic(
        -2.441,
        {
            "distance": (-0.02, -1.324),
            "apart": (0.529, 2.397),
            "size": (-0.216, -0.431),
        },
    ),
    BOTH: Logistic(
        -2.8,
        {
            "distance": (-0.02, -0.682),
            "apart": (0.529, 2.996),
            "size": (-0.216, -1.105),
            "distance by gradients": (-0.026, -2.604),
        },
    ),
}
