"""The clustering that the settings ask for, and a word on what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scipy import sparse

from usvireid.clustering.advice import LARGEST_EPS, ClusterAt, advise, outcome
from usvireid.clustering.constrained import ConstrainedDbscan, keep_to
from usvireid.clustering.constraints import Constraints
from usvireid.clustering.dbscan import dbscan
from usvireid.clustering.hdbscan import hdbscan
from usvireid.clustering.result import Clusters
from usvireid.config import ClusteringSettings


@dataclass(frozen=True)
class Clustered:
    """Clusters of one modality, the eps they were made with (None: the method has none), and what went wrong, if so."""

    clusters: Clusters
    eps: float | None
    problem: str | None


def _without_eps(found: Clusters, settings: ClusteringSettings, remedy: str = "") -> str | None:
    """What went wrong where another eps is no remedy."""
    problem = outcome(found, eps=LARGEST_EPS)
    count, least = len(found), settings.min_samples
    if problem is None or count == 0:
        return problem
    outliers = "the one crop is an outlier" if count == 1 else f"all {count} crops are outliers"
    if count < least:
        asked = f"clustering.min_samples asks for {least} crops close to each other"
        return f"no cluster was found: {outliers}, as {asked}; give it a smaller value, or more crops"
    if found.count == 0:
        smaller = f"try a smaller clustering.min_samples (it is {least}){remedy}"
        return f"no cluster was found: {outliers} up to eps {LARGEST_EPS:g}; {smaller}"
    return f"one cluster holds {int(found.sizes.max())} of {count} crops; try a larger clustering.min_samples{remedy}"


def reach(settings: ClusteringSettings) -> float:
    """How far the graph has to reach: far enough for the clustering, and for advice on a better eps."""
    return LARGEST_EPS if settings.eps == "auto" else max(LARGEST_EPS, settings.eps)


def cluster_graph(
    graph: sparse.csr_matrix, settings: ClusteringSettings, constraints: Constraints | None = None
) -> Clustered:
    """Cluster the crops of one modality.

    With eps "auto" DBSCAN takes the largest eps before clusters swallow each other (`advise_eps`), anew every time.
    With no cluster at all, or one giant cluster, `problem` says so and names the eps that is advised.

    Args:
        graph: of `jaccard_graph`, with all distances up to `reach(settings)`.
        settings: method and its values.
        constraints: what is known about the same crops; None, or nothing known: plain clustering.
    """
    least = settings.min_samples
    if settings.method == "hdbscan":
        found = hdbscan(graph, min_cluster_size=max(2, least), min_samples=least)
        if constraints is not None and not constraints.trivial:
            found = keep_to(found, graph, constraints, max(2, least))
        result = Clustered(found, None, _without_eps(found, settings))
    else:
        result = _by_eps(settings, *keeping_to(graph, least, constraints))
    return replace(result, problem=None) if _largest_is_known(result.clusters, constraints) else result


def _largest_is_known(found: Clusters, constraints: Constraints | None) -> bool:
    """Whether most crops of the largest cluster are of known identity: nothing is wrong with its size then."""
    if constraints is None or not found.count:
        return False
    members = found.label == int(found.sizes.argmax())
    return bool(constraints.of_known_identity()[members].mean() > 0.5)


def keeping_to(
    graph: sparse.csr_matrix, min_samples: int, constraints: Constraints | None
) -> tuple[ClusterAt, ClusterAt]:
    """DBSCAN on a graph as a function of eps: as advice tries it, and in agreement with all that is known.

    Args:
        graph: of `jaccard_graph`.
        min_samples: as for `dbscan`.
        constraints: about the same crops; None, or nothing known: both are plain DBSCAN.
    """
    if constraints is not None and not constraints.trivial:
        bound = ConstrainedDbscan(graph, constraints, min_samples)
        return bound.at, bound.settled

    def plain(eps: float) -> Clusters:
        return dbscan(graph, eps=eps, min_samples=min_samples)

    return plain, plain


def _by_eps(settings: ClusteringSettings, tried: ClusterAt, final: ClusterAt) -> Clustered:
    """The clusters at the eps of the settings; `tried` is what advice on an eps looks at."""
    if settings.eps == "auto":
        advice = advise(tried)
        found = final(advice.eps)
        return Clustered(found, advice.eps, _without_eps(found, settings, " or another neighbors.k1"))
    found = final(settings.eps)
    problem = outcome(found, eps=settings.eps)
    if problem is not None:
        advice = advise(tried)
        hopeless = not found.count and not advice.clusters.any()
        problem = _without_eps(found, settings) if hopeless else outcome(found, eps=settings.eps, advice=advice)
    return Clustered(found, settings.eps, problem)
