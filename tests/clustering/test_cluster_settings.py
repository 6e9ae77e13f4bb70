import numpy as np
import pytest
from scipy import sparse

from usvireid.clustering.cluster import cluster_graph
from usvireid.config import ClusteringSettings


def pairs(count: int) -> sparse.csr_matrix:
    """Crops at distance 0.1 in pairs, and nothing else."""
    block = np.array([[1e-6, 0.1], [0.1, 1e-6]], dtype=np.float32)
    return sparse.csr_matrix(sparse.block_diag([block] * (count // 2), format="csr"))


@pytest.mark.parametrize("eps", ["auto", 0.5])
def test_what_no_eps_can_mend_is_not_blamed_on_eps(eps: str | float) -> None:
    few = cluster_graph(pairs(6), ClusteringSettings(eps=eps, min_samples=40))
    assert few.problem is not None
    assert "all 6 crops are outliers, as clustering.min_samples asks for 40" in few.problem
    sparse_ones = cluster_graph(pairs(60), ClusteringSettings(eps=eps, min_samples=3))
    assert sparse_ones.problem is not None
    assert "up to eps 0.9; try a smaller clustering.min_samples (it is 3)" in sparse_ones.problem
    one = cluster_graph(sparse.csr_matrix((1, 1), dtype=np.float32), ClusteringSettings(eps=eps, min_samples=2))
    assert one.problem is not None and "the one crop is an outlier" in one.problem


def test_an_eps_that_is_too_small_is_named() -> None:
    found = cluster_graph(pairs(20), ClusteringSettings(eps=0.05, min_samples=2))
    assert found.problem is not None
    assert "at eps 0.05; eps " in found.problem
    assert cluster_graph(pairs(20), ClusteringSettings(eps=0.5, min_samples=2)).problem is None
