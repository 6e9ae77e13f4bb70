"""The constants of `quality.confidence`, written by `scripts/calibrate_confidence.py`."""

from usvireid.quality.confidence import BOTH, LABELS, NETWORK, Logistic

CROP = {
    LABELS: Logistic(
        -2.178,
        {
            "confidence": (0.888, -1.336),
            "size": (0.679, 1.558),
            "track": (0.007, 4.073),
        },
    ),
    NETWORK: Logistic(
        -2.248,
        {
            "confidence": (0.888, 0.0),
            "size": (0.679, 1.493),
            "track": (0.007, 3.326),
            "seat": (0.488, -2.337),
        },
    ),
    BOTH: Logistic(
        -2.659,
        {
            "confidence": (0.888, 0.0),
            "size": (0.679, 1.491),
            "track": (0.007, 1.908),
            "seat": (0.488, 0.0),
            "seat by gradients": (0.284, -5.849),
        },
    ),
}

PART = {
    LABELS: Logistic(
        -2.9,
        {
            "confidence": (0.673, -1.809),
            "size": (0.064, 2.869),
        },
    ),
    NETWORK: Logistic(
        -3.168,
        {
            "confidence": (0.673, 0.0),
            "size": (0.064, 2.939),
            "seat": (0.507, -1.699),
            "spread": (-0.077, 0.985),
            "gap": (0.369, 1.296),
        },
    ),
    BOTH: Logistic(
        -3.861,
        {
            "confidence": (0.673, 0.0),
            "size": (0.064, 3.529),
            "seat": (0.507, 0.0),
            "spread": (-0.077, 0.785),
            "gap": (0.369, 0.0),
            "seat by gradients": (0.289, -9.236),
        },
    ),
}

LINK = {
    LABELS: Logistic(
        0.067,
        {
            "confidence": (0.627, 5.003),
            "size": (-0.272, 0.382),
        },
    ),
    NETWORK: Logistic(
        -1.217,
        {
            "confidence": (0.627, 4.974),
            "size": (-0.268, 0.324),
            "linked": (0.53, 2.735),
            "similarity by network": (-0.085, 0.0),
            "margin by network": (-0.13, 0.0),
            "larger margin by network": (-0.093, 0.0),
        },
    ),
    BOTH: Logistic(
        -2.513,
        {
            "confidence": (0.627, 1.3),
            "size": (-0.268, 0.039),
            "linked": (0.53, 0.271),
            "similarity by network": (-0.085, 0.0),
            "margin by network": (-0.13, 0.0),
            "larger margin by network": (-0.093, 0.0),
            "similarity by gradients": (-0.045, 11.483),
            "margin by gradients": (-0.075, 4.064),
            "larger margin by gradients": (-0.039, 4.267),
        },
    ),
}

PAIR = {
    NETWORK: Logistic(
        -2.568,
        {
            "distance": (-0.02, -1.425),
            "apart": (0.503, 2.809),
            "size": (-0.195, -0.669),
        },
    ),
    BOTH: Logistic(
        -3.095,
        {
            "distance": (-0.02, -0.3),
            "apart": (0.503, 3.353),
            "size": (-0.195, -1.607),
            "distance by gradients": (-0.027, -3.061),
        },
    ),
}
