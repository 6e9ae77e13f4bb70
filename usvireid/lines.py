"""What a run says of an epoch, in a line."""

from __future__ import annotations

from typing import Any

from usvireid import names
from usvireid.evaluation.results import Evaluation


def clusters_line(line: dict[str, Any]) -> str:
    """How many clusters and outliers a line of metrics counts, or identities where a person gave them."""
    quality = line["quality"]
    if line["edited"]:  # the clusters in the file need not be what a person made of the identities
        crops = ", ".join(f"{quality[modality]['trained']} {modality} crops" for modality in names.MODALITIES)
        return f"{quality['identities']} identities by hand, {quality['shared_identities']} in both; {crops}"
    if line.get("supervised"):
        known = ", ".join(f"{line['clusters'][modality]} {modality}" for modality in names.MODALITIES)
        return f"known identities: {known}, {quality['shared_identities']} in both"
    counted = ", ".join(
        f"{modality} {line['clusters'][modality]} clusters {line['outliers'][modality]} outliers"
        for modality in names.MODALITIES
    )
    shared = quality["shared_identities"]
    return counted + (f", {shared} matched" if shared else "")


def epoch_line(line: dict[str, Any], epochs: int, evaluation: Evaluation | None) -> str:
    """An epoch: clusters, losses, speed, time and, where it was scored, the scores.

    Args:
        line: its line of metrics.
        epochs: how many there will be.
        evaluation: its scores, if any.
    """
    losses = " ".join(f"{name.replace(' ', '-')} {value:.2f}" for name, value in line["losses"].items())
    parts = [
        f"epoch {line['epoch']}/{epochs} {line['phase']}: {clusters_line(line)}",
        *([f"loss {losses}"] if losses else []),
        f"{line['images_per_second']:.0f} images/s",
        f"{sum(line['seconds'].values()):.1f} s",
    ]
    return "; ".join(parts) + ("" if evaluation is None else f"; {scores_line(evaluation)}")


def all_epochs(epochs: int) -> str:
    """The beginning of a sentence about all epochs."""
    return "the one epoch is" if epochs == 1 else f"all {epochs} epochs are"


def scores_line(evaluation: Evaluation) -> str:
    """Rank-1 and mAP of every row, in percent."""
    return ", ".join(
        f"{name} Rank-1 {100 * (found.cmc[1] or 0):.1f} mAP {100 * (found.mean_average_precision or 0):.1f}"
        for name, found in evaluation.rows.items()
    )
