"""What a run knows about who is whom before it clusters."""

from __future__ import annotations

from collections.abc import Sequence

from usvireid import names
from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.clustering.tracks import add_tracks, add_travel
from usvireid.config import ConstraintSettings
from usvireid.data.crops import Crops
from usvireid.data.paired import sensor_pairs
from usvireid.data.travel import read_travel
from usvireid.errors import DataError, UsageError
from usvireid.review.answer import Answer
from usvireid.review.answers import add_answers


def gathered(crops: Crops, settings: ConstraintSettings, answers: Sequence[Answer] = ()) -> tuple[Constraints, int]:
    """Everything that is known, and how many statements were left out because they contradict weightier ones.

    In the order of their authority: a person's answers; identities, where the recipe sees some; tracks; travel times;
    paired sensors.

    Args:
        crops: what is trained on; with identities only where the recipe may see them.
        settings: what to make use of.
        answers: of `usvireid review`.

    Raises:
        DataError: the table of travel times is none, or all crops of a modality are junk.
        UsageError: travel times without tracks, which they are of.
    """
    tracked = settings.tracks and crops.has(names.TRACK)
    if settings.travel is not None and not tracked:
        why = "the crops have no column track" if settings.tracks else "constraints.tracks is off"
        raise UsageError(f"constraints.travel: travel times are of tracks, and {why}; leave the setting out.")
    builder = ConstraintsBuilder(len(crops))
    add_answers(builder, answers, crops)
    if crops.has(names.IDENTITY):
        builder.known(crops.codes(names.IDENTITY))
    if tracked:
        add_tracks(builder, crops)
        if settings.travel is not None:
            add_travel(builder, crops, read_travel(settings.travel))
    if settings.paired and crops.has(names.RIG):
        builder.paired(sensor_pairs(crops))
    known = builder.build()
    for modality in names.MODALITIES:
        rows = crops.rows_of(modality)
        if len(rows) and known.junk[rows].all():
            raise DataError(
                f"{names.REVIEWS_FILE}: the answers say that all {len(rows)} {modality} crops are junk, so nothing is "
                "left to train on; undo some in `usvireid review`."
            )
    return known, builder.contradictions
