"""What measures are found to mean: each fault is named with its remedy, and a sound epoch is not accused."""

import pytest

from usvireid.quality.trouble import diagnose

SOUND = {
    "crops": 500.0,
    "clusters": 60,
    "outliers": 20,
    "outlier_share": 0.04,
    "size_median": 8.0,
    "size_max": 19,
    "largest_share": 0.04,
    "matched_share": 0.7,
    "stability": 0.85,
    "cameras": 3,
    "single_camera_share": 0.5,
    "must_split_share": 0.0,
    "cannot_joined_share": 0.0,
    "wrong_crops_share": 0.0,
    "torn_share": 0.0,
    "misplaced_share": 0.05,
    "silhouette": 0.6,
    "eps": 0.6,
    "smaller_eps_agreement": 0.95,
    "larger_eps_agreement": 0.9,
    "advised_eps": None,
}


def epoch(across: dict | None = None, looks: dict | None = None, shared: int = 40, **visible: object) -> dict:
    """The measures of a sound epoch with changes, those of a single modality in the visible one."""
    sound_across = {"links": 45, "beyond_chance": 0.06, "beyond_chance_error": 0.012}
    sound_looks = {name: {"looked_at": 90, "wrong": 0} for name in ("visible", "infrared")}
    return {
        "visible": SOUND | visible,
        "infrared": dict(SOUND),
        "identities": 80,
        "shared_identities": shared,
        "stability": 0.85,
        "across": sound_across | (across or {}),
        "looks": sound_looks | (looks or {}),
    }


def wrong(quality: dict) -> list[tuple[str, str]]:
    return [(finding.level, finding.text) for finding in diagnose(quality) if finding.level in ("warning", "bad")]


def test_a_sound_epoch_is_not_accused() -> None:
    assert wrong(epoch()) == []
    assert {finding.level for finding in diagnose(epoch())} == {"good"}
    assert diagnose(None) == []


def test_measures_that_are_missing_accuse_nobody() -> None:
    counted = {key: SOUND[key] for key in ("crops", "clusters", "outliers", "outlier_share", "size_median", "size_max")}
    bare = {"visible": counted, "infrared": counted, "shared_identities": 3}
    assert wrong(bare) == []
    assert wrong({"visible": {}, "infrared": None, "looks": {"visible": "?"}, "across": []}) == [
        ("warning", "There are no visible crops."),
        ("warning", "There are no infrared crops."),
    ]


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"largest_share": 0.9, "size_max": 450, "eps": 0.9, "advised_eps": 0.6}, "bad", "One giant visible cluster"),
        ({"largest_share": 0.9, "size_max": 450, "eps": 0.9, "advised_eps": 0.6}, "bad", "from 0.9 to about 0.6"),
        ({"outlier_share": 0.7, "eps": 0.2, "advised_eps": 0.55}, "bad", "clustering.eps from 0.2 to about 0.55"),
        ({"outlier_share": 0.4}, "warning", "Raise eps or lower min_samples"),
        ({"outlier_share": 0.4, "eps_automatic": True}, "warning", "Lower clustering.min_samples"),
        ({"eps": 0.4, "advised_eps": 0.6, "larger_eps_agreement": 0.5}, "warning", "over-split: eps 0.4 leaves"),
        ({"clusters": 0, "eps": 0.1, "advised_eps": 0.5}, "bad", "Raise clustering.eps from 0.1 to about 0.5"),
        ({"clusters": 150}, "warning", "Visible has 150 clusters and infrared 60"),
        ({"must_split_share": 0.3, "wrong_crops_share": 0.12}, "warning", "at least 12\u00a0% of these crops"),
        ({"cannot_joined_share": 0.1, "cannot_pairs": 40}, "warning", "camera saw at the same time are in one cluster"),
        ({"misplaced_share": 0.4}, "warning", "the clusters overlap"),
        ({"torn_share": 0.2}, "bad", "the labels look shuffled"),
        ({"stability": 0.3}, "warning", "still change much"),
        ({"shared": 0}, "warning", "No cluster is matched"),
        ({"across": {"beyond_chance": 0.002}}, "bad", "look no better than chance"),
        (
            {"looks": {"visible": {"looked_at": 90, "wrong": 80}}},
            "warning",
            "80 of 90 visible images looked at are",
        ),
    ],
)
def test_each_fault_is_named_with_its_remedy(changes: dict, level: str, words: str) -> None:
    found = wrong(epoch(**changes))
    assert any(level == severity and words in text for severity, text in found), found


def test_labels_from_a_file_without_clusters_are_judged_by_where_their_crops_sit() -> None:
    edited = epoch(misplaced_share=0.2)
    for modality in ("visible", "infrared"):
        edited[modality] = {**edited[modality], "silhouette": None}
    assert [level for level, text in wrong(edited) if "look shuffled" in text] == ["bad"]
    assert not wrong(epoch(misplaced_share=0.2))


def test_exchanged_folders_are_called_so() -> None:
    looks = {"visible": {"looked_at": 90, "wrong": 90}, "infrared": {"looked_at": 60, "wrong": 55}}
    (found,) = wrong(epoch(looks=looks))
    assert found[0] == "bad" and found[1].startswith("The modalities are swapped: 90 of 90 visible")


def test_one_pair_of_people_in_a_cluster_is_no_pattern() -> None:
    assert wrong(epoch(cannot_joined_share=0.125, cannot_pairs=8)) == []


def test_too_few_clusters_say_nothing_about_chance() -> None:
    assert wrong(epoch(across={"beyond_chance": 0.0, "beyond_chance_error": 0.03})) == []
    assert wrong(epoch(across={"beyond_chance": None})) == []


def test_how_many_are_matched_is_no_merit_where_matches_are_by_chance() -> None:
    said = {finding.text: finding.level for finding in diagnose(epoch(across={"beyond_chance": 0.0}))}
    assert [level for text, level in said.items() if text.startswith("Matched across")] == ["note"]
    few = epoch(matched_share=0.1)
    few["infrared"] = {**few["infrared"], "matched_share": 0.2}
    assert [finding.level for finding in diagnose(few) if "Few clusters" in finding.text] == ["note"]


def test_nothing_matched_is_no_fault_before_matching_begins() -> None:
    assert [finding.level for finding in diagnose(epoch(shared=0), "intra")].count("warning") == 0
