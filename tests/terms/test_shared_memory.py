"""The contrast against the shared memory: who takes part in it before matching has begun, and after."""

import pytest
import torch

from tests.terms.test_nothing_to_act_on import BATCHES, LABELS, Given
from usvireid.losses.contrast import cluster_contrast
from usvireid.terms.shared import SharedMemory


@pytest.mark.parametrize(("epoch", "identities"), [(2, [0, 1]), (3, [0, 1, 2, 3])], ids=["before", "after"])
def test_before_matching_only_what_is_joined_takes_part(epoch: int, identities: list[int]) -> None:
    made = Given(False, **{"training.intra_epochs": "2"})
    term = SharedMemory(made, made.labelled(LABELS["shared and not"]), epoch)
    centres = made.memories["shared"].centres
    assert made.memories["shared"].identities.tolist() == identities
    for title, rows in (("shared identities", [0, 0, 1, 1, 0, 0, 1, 1]), ("no shared identity", [2, 2, 3, 3])):
        batch, encoded, _ = made.encoded(BATCHES[title])
        each = [
            cluster_contrast(feature[None], centres, torch.tensor([row]), made.settings.memory.temperature)
            for feature, row in zip(encoded.all_features(), rows, strict=True)
            if row in identities
        ]
        _, loss = term.losses(batch, encoded)["shared"]
        torch.testing.assert_close(loss, sum(each, torch.zeros(())) / len(rows))
