"""Could a link be one of strangers? The best match of somebody who is not there looks like a match, too. Ours."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

_LEAST = 3
"""Other clusters from which it can be told how strangers look."""


def stranger_chance(similarity: np.ndarray, visible: np.ndarray, infrared: np.ndarray) -> np.ndarray:
    """How probable it is that the best of as many strangers is as similar as the linked one.

    Seen from one end, the clusters of the other modality that it is not linked to are taken for strangers. With the
    mean and the standard deviation of its similarities to them, a link of z standard deviations above the mean is
    reached by one stranger with the chance 1 - Phi(z), by the best of n with 1 - Phi(z)^n, n being all that it could
    choose from. The chance of a link is the geometric mean of those seen from its two ends.

    It is a scale rather than a probability to rely on: the best is not among those that the spread is measured on, and
    camera, size and posture make some strangers more alike than others, so strangers come somewhat below it.

    Args:
        similarity: float32, V x R; usually locally scaled (`similarity.csls`).
        visible: int64, L; the visible end of each link.
        infrared: int64, L; the infrared end of each link.

    Returns:
        float32, L; in [0, 1]. Where fewer than three others are there to compare with nothing can be told, and an end
        counts as 0.
    """
    linked = np.zeros(similarity.shape, dtype=bool)
    linked[visible, infrared] = True
    forward = _log_chance(similarity, linked, visible, infrared)
    reverse = _log_chance(similarity.T, linked.T, infrared, visible)
    return np.asarray(np.exp((forward + reverse) / 2), dtype=np.float32)


def _log_chance(similarity: np.ndarray, linked: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The logarithm of the chance of each link as its row sees it (float64, L)."""
    values = similarity[rows].astype(np.float64)
    others = ~linked[rows]
    count = others.sum(axis=1)
    tell = count >= _LEAST
    number = np.maximum(count, 1)
    mean = (values * others).sum(axis=1) / number
    apart = np.where(others, values - mean[:, None], 0)
    deviation = np.sqrt((apart**2).sum(axis=1) / number)
    above = values[np.arange(len(rows)), columns] - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where all others are equally similar, a better one is beyond all chance, and one as good is no evidence.
        z = np.where(deviation > 0, above / deviation, np.where(above > 0, np.inf, -np.inf))
        chance = -np.expm1((count + 1) * log_ndtr(z))
        return np.asarray(np.where(tell, np.log(chance), -np.inf))
