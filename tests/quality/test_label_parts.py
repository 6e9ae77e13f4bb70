from collections import Counter

import numpy as np
import pytest

from tests.quality.made_labels import R, V, made_labels, random_case
from usvireid.quality.parts import parts_of_labels


@pytest.mark.parametrize(("seed", "size"), [(0, 60), (1, 60), (2, 200), (3, 1), (4, 0), (5, 7)])
def test_a_part_is_a_cluster_with_its_most_frequent_identity(seed: int, size: int) -> None:
    _, labels, _ = random_case(seed, size)
    parts = parts_of_labels(labels)
    table = labels.table.assign(home=labels.table["cluster"].where(labels.table["cluster"] >= 0))
    strays = []
    for (modality, cluster), rows in table[table["identity"] >= 0].groupby(["modality", "home"]):
        counts = Counter(rows["identity"])
        chosen = min(counts, key=lambda identity: (-counts[identity], identity))
        inside = [row for row in rows.index if rows.loc[row, "identity"] == chosen]
        numbers = set(parts.part[inside].tolist())
        assert len(numbers) == 1, (modality, cluster)
        number = numbers.pop()
        assert parts.identity[number] == chosen and (V, R)[parts.modality[number]] == modality
        assert parts.members()[number].tolist() == inside and parts.sizes[number] == len(inside)
        assert (parts.found_in[rows.index] == number).all()
        strays += [row for row in rows.index if row not in inside]
    assert parts.strays.tolist() == sorted(strays)
    assert (parts.part[labels.column("identity") < 0] == -1).all()
    assert len(parts.members()) == len(parts)


def test_of_equally_frequent_identities_the_smaller_leads() -> None:
    parts = parts_of_labels(made_labels([V, V, R], [0, 0, 0], [7, 3, 3]))
    assert parts.identity.tolist() == [3, 3] and parts.strays.tolist() == [0]


def test_crops_that_a_person_labelled_without_a_cluster_form_their_own() -> None:
    parts = parts_of_labels(made_labels([V, V, V, V], [0, 0, -1, -1], [0, 0, 0, 5]))
    assert parts.part.tolist() == [0, 0, 1, 2] and parts.identity.tolist() == [0, 0, 5]


def test_a_file_without_clusters_has_its_identities_as_parts() -> None:
    parts = parts_of_labels(made_labels([V, V, R], [-1, -1, -1], [4, 4, 4]))
    assert parts.part.tolist() == [0, 0, 1]
    assert np.array_equal(parts.modality, [0, 1])
