"""How clearly parts of the two modalities belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.matching.similarity import csls, unit_rows
from usvireid.quality.crop_cues import centres_of
from usvireid.quality.parts import Parts

_CSLS_K = 5


@dataclass(frozen=True)
class Links:
    """Pairs of a visible and an infrared part (L of them), linked or only nearest to each other.

    Attributes:
        visible: int64, L; number of the visible part.
        infrared: int64, L; number of the infrared part.
        linked: bool, L; whether they have the same identity.
    """

    visible: np.ndarray
    infrared: np.ndarray
    linked: np.ndarray

    def __len__(self) -> int:
        return len(self.visible)


def links_of(parts: Parts) -> Links:
    """All pairs of parts with one identity, by identity."""
    visible, infrared = (parts.of_modality(number) for number in range(len(names.MODALITIES)))
    order = np.argsort(parts.identity[infrared], kind="stable")
    infrared = infrared[order]
    first = np.searchsorted(parts.identity[infrared], parts.identity[visible], side="left")
    count = np.searchsorted(parts.identity[infrared], parts.identity[visible], side="right") - first
    one = np.repeat(visible, count)
    offset = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    other = infrared[np.repeat(first, count) + offset]
    return Links(one, other, np.ones(len(one), dtype=bool))


def joined(many: Sequence[Links]) -> Links:
    """Several lists of pairs as one, each pair once, by visible and infrared part."""
    ends = np.concatenate([np.stack((links.visible, links.infrared)) for links in many], axis=1)
    linked = np.concatenate([links.linked for links in many])
    pairs, first = np.unique(ends, axis=1, return_index=True)
    return Links(pairs[0], pairs[1], linked[first])


@dataclass(frozen=True)
class LinkMargins:
    """What one signal says about links (float32, L each).

    Attributes:
        similarity: locally scaled cosine of the two parts (`similarity.csls`).
        visible: by how much the infrared part beats the best other one, seen from the visible part.
        infrared: the same, seen from the infrared part.
    """

    similarity: np.ndarray
    visible: np.ndarray
    infrared: np.ndarray

    @property
    def smaller(self) -> np.ndarray:
        """The smaller of the two margins: positive where the two choose each other."""
        return np.asarray(np.minimum(self.visible, self.infrared))


class CrossSimilarity:
    """The locally scaled similarity of all visible with all infrared parts, by one signal.

    Each modality's mean is subtracted first, as matching does it (`similarity.centred`).
    """

    def __init__(self, values: np.ndarray, parts: Parts) -> None:
        self.parts = parts
        self.numbers = [parts.of_modality(number) for number in range(len(names.MODALITIES))]
        centres = centres_of(centred_values(values, parts), parts)
        self.matrix = scaled_similarity(centres[self.numbers[0]], centres[self.numbers[1]])

    def margins(self, links: Links) -> LinkMargins:
        """The margins of links; parts of the same identity are no rivals, without a rival a margin is 1."""
        row = np.searchsorted(self.numbers[0], links.visible)
        column = np.searchsorted(self.numbers[1], links.infrared)
        identity = [self.parts.identity[numbers] for numbers in self.numbers]
        # Seen from a part, every other part that is linked to it is no rival, as they would all be one person.
        similarity = self.matrix[row, column] if len(links) else np.zeros(0, dtype=np.float32)
        forward = _best_rival(self.matrix, row, column, identity[0][row], identity[1])
        reverse = _best_rival(self.matrix.T, column, row, identity[1][column], identity[0])
        return LinkMargins(similarity, _margin(similarity, forward), _margin(similarity, reverse))

    def unlinked_nearest(self) -> Links:
        """The pairs that choose each other although they have different identities."""
        if not self.matrix.size:
            empty = np.zeros(0, dtype=np.int64)
            return Links(empty, empty, np.zeros(0, dtype=bool))
        best_column, best_row = self.matrix.argmax(axis=1), self.matrix.argmax(axis=0)
        rows = np.flatnonzero(best_row[best_column] == np.arange(len(best_column)))
        visible, infrared = self.numbers[0][rows], self.numbers[1][best_column[rows]]
        apart = self.parts.identity[visible] != self.parts.identity[infrared]
        return Links(visible[apart], infrared[apart], np.zeros(int(apart.sum()), dtype=bool))


def scaled_similarity(visible: np.ndarray, infrared: np.ndarray) -> np.ndarray:
    """The locally scaled cosines (`similarity.csls`) of all visible with all infrared centres (float32, V x R)."""
    return csls(np.asarray(unit_rows(visible) @ unit_rows(infrared).T, dtype=np.float32), _CSLS_K)


def centred_values(values: np.ndarray, parts: Parts) -> np.ndarray:
    """Rows (float32, N x D) less the mean of their modality, of unit length again; those of a lone part as they are."""
    moved = values.copy()
    for modality in range(len(names.MODALITIES)):
        rows = np.flatnonzero(parts.crop_modality == modality)
        if len(parts.of_modality(modality)) >= 2:
            moved[rows] = unit_rows(values[rows] - values[rows].mean(axis=0))
    return moved


def _best_rival(
    matrix: np.ndarray, row: np.ndarray, column: np.ndarray, identity: np.ndarray, identity_of_column: np.ndarray
) -> np.ndarray:
    """The highest entry of each row among columns of another identity than the row's, the column itself left out."""
    best = np.full(len(row), -np.inf, dtype=np.float32)
    step = max(1, (1 << 24) // max(matrix.shape[1], 1))
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        rivals = np.where(identity_of_column == identity[part, None], -np.inf, matrix[row[part]])
        rivals[np.arange(len(rivals)), column[part]] = -np.inf
        best[part] = rivals.max(axis=1, initial=-np.inf)
    return best


def _margin(similarity: np.ndarray, rival: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isfinite(rival), similarity - rival, 1.0), dtype=np.float32)
