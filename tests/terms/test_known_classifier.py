"""The classifier of known identities against a plain sum over the crops that are known."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.terms.test_nothing_to_act_on import BATCHES, LABELS, Given, R, V
from usvireid.data.crops import Crops
from usvireid.terms.known import KnownIdentities

KNOWN = ["a", None, "b", "b", None, None, "a", None, "b", "c", None, None]


def experiment(known: list[str | None], **changes: str) -> Given:
    made = Given(False, **{"losses.identity": "1", **changes})
    table = pd.DataFrame(
        {"path": [f"{row}.png" for row in range(12)], "modality": [V] * 6 + [R] * 6, "identity": known}
    )
    made.crops = Crops.from_table(Path(), table, "test")
    return made


def test_known_crops_count_the_same_however_many_there_are() -> None:
    made = experiment(KNOWN)
    labels = made.labelled(LABELS["shared and not"])
    assert KnownIdentities.acts(made, labels, 1)
    term = KnownIdentities(made, labels, 1)
    batch, encoded, _ = made.encoded(BATCHES["shared identities"])
    weight, loss = term.losses(batch, encoded)["identity"]
    scores = made.classifier(3)(encoded.all_necked()).log_softmax(dim=1)
    expected = [
        -scores[place, {"a": 0, "b": 1, "c": 2}[name]] for place, name in enumerate(KNOWN[:4] + KNOWN[6:10]) if name
    ]
    assert weight == 1
    torch.testing.assert_close(loss, torch.stack(expected).sum() / len(encoded.all_necked()))


def test_a_batch_without_known_crops_adds_nothing() -> None:
    made = experiment(KNOWN)
    term = KnownIdentities(made, made.labelled(LABELS["shared and not"]), 1)
    batch, encoded, leaves = made.encoded(BATCHES["no shared identity"])
    loss = term.losses(batch, encoded)["identity"][1]
    assert loss == 0
    loss.backward()
    assert all(leaf.grad is None or not leaf.grad.any() for leaf in leaves)


@pytest.mark.parametrize(
    ("known", "changes"),
    [([None] * 12, {}), (["a", *[None] * 10, "a"], {}), (KNOWN, {"losses.identity": "0"})],
    ids=["nobody", "one person", "no weight"],
)
def test_it_does_not_act_without_two_people_or_a_weight(known: list[str | None], changes: dict[str, str]) -> None:
    made = experiment(known, **changes)
    assert not KnownIdentities.acts(made, made.labelled(LABELS["shared and not"]), 1)


def test_other_identities_than_at_first_leave_it_out() -> None:
    made = experiment(KNOWN)
    made.classifier(2)
    assert not KnownIdentities.acts(made, made.labelled(LABELS["shared and not"]), 1)
