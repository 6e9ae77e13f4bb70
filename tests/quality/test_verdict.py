"""The judgement of a run."""

import pytest

from usvireid.quality.truth import ModalityTruth, TruthMeasures
from usvireid.quality.verdict import judge


def counts(**changes) -> dict:
    healthy = {
        "crops": 100,
        "clusters": 20,
        "outliers": 10,
        "outlier_share": 0.1,
        "size_median": 4.5,
        "size_max": 9,
        "largest_share": 0.09,
        "matched_share": 0.9,
        "stability": 0.9,
    }
    return {**healthy, **changes}


def quality(shared: int = 18, **visible) -> dict:
    return {"visible": counts(**visible), "infrared": counts(), "shared_identities": shared, "identities": 22}


def scores(rank1: float) -> dict:
    return {name: {"rank1": rank1, "mAP": rank1} for name in ("infrared->visible", "visible->infrared")}


def truth(match: float | None) -> TruthMeasures:
    side = ModalityTruth(crops=90, identities=20, ari=0.8, ami=0.8, purity=0.9)
    return TruthMeasures({"visible": side, "infrared": side}, 0.7, 0.8, 18 if match is not None else 0, match, match)


def test_a_healthy_run_is_good_and_says_what_was_reached():
    verdict = judge(quality(), truth(0.9), scores(0.4), scores(0.1))
    assert verdict.level == "good" and all(finding.level == "good" for finding in verdict.findings)
    assert "20 clusters in visible crops and 20 clusters in infrared crops" in verdict.summary
    assert "20 of 200 crops (10\u00a0%)" in verdict.summary
    assert "infrared to visible 40.0\u00a0% Rank-1" in verdict.summary and "untrained 10.0\u00a0%" in verdict.summary


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"outlier_share": 0.6}, "bad", "most are not trained on"),
        ({"outlier_share": 0.4}, "warning", "40\u00a0% of the visible crops are in no cluster"),
        ({"largest_share": 0.5, "size_max": 50}, "bad", "several people have run together"),
        ({"clusters": 1, "largest_share": 0.9, "size_max": 90, "size_median": 90.0}, "bad", "run together"),
        ({"clusters": 0}, "bad", "No visible cluster was found"),
        ({"crops": 0}, "warning", "There are no visible crops"),
        ({"stability": 0.2}, "warning", "still change much"),
        ({"clusters": 60}, "warning", "Visible has 60 clusters and infrared 20"),
        ({"shared": 0}, "warning", "No cluster is matched"),
    ],
)
def test_trouble_is_named_first(changes, level, words):
    verdict = judge(quality(**changes), None, None, None)
    assert verdict.level == level
    assert words in " ".join(finding.text for finding in verdict.findings if finding.level == level)
    assert verdict.findings[0].level == level


def test_a_large_share_in_one_of_few_even_clusters_is_no_giant():
    verdict = judge(quality(largest_share=0.34, size_max=34, size_median=33.0, clusters=10), None, None, None)
    assert "run together" not in " ".join(finding.text for finding in verdict.findings)


def test_nothing_matched_is_no_fault_in_the_intra_phase():
    verdict = judge(quality(shared=0), None, None, None, "intra")
    assert verdict.level == "note" and "intra phase" in verdict.findings[0].text


def test_few_matches():
    measured = quality(matched_share=0.1)
    measured["infrared"]["matched_share"] = 0.2
    assert "Few clusters are matched" in " ".join(
        finding.text for finding in judge(measured, None, None, None).findings
    )


def test_wrong_matches_and_useless_training_are_seen_where_the_truth_is_known():
    verdict = judge(quality(), truth(0.3), scores(0.1), scores(0.1))
    assert verdict.level == "bad" and "30\u00a0% of 18 matched" in verdict.findings[0].text
    assert "did not help" in " ".join(finding.text for finding in verdict.findings)
    assert judge(quality(), truth(None), scores(0.2), scores(0.1)).level == "good"


def test_without_identities_it_says_that_nothing_is_proven():
    assert "No identities are known" in judge(quality(), None, None, None).findings[0].text


def test_scores_without_labels_and_nothing_at_all():
    assert "Retrieval" in judge(None, None, scores(0.2), None).summary
    assert judge(None, None, None, None).title == "Nothing to judge yet"
