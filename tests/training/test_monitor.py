import io
import time

import numpy as np
import torch
from rich.console import Console
from scipy import sparse

from usvireid.clustering.cluster import Clustered
from usvireid.clustering.dbscan import dbscan
from usvireid.display import Display
from usvireid.neighbors.choice import Searched
from usvireid.neighbors.knn import Neighbors
from usvireid.training.monitor import Monitor


def monitor() -> Monitor:
    return Monitor(Display(Console(file=io.StringIO())))


def test_a_step_within_a_step_counts_once() -> None:
    watch = monitor()
    with watch.step("outer"):
        with watch.step("inner"):
            time.sleep(0.05)
        with watch.step("inner"):
            time.sleep(0.05)
    assert watch.seconds["inner"] >= 0.1
    assert watch.seconds["outer"] < watch.seconds["inner"]


def test_losses_are_averaged_each_over_its_own_steps() -> None:
    watch = monitor()
    for value in (1.0, 2.0, 6.0):
        watch.loss("a", torch.tensor(value))
    watch.loss("b", torch.tensor(5.0))
    assert watch.losses() == {"a": 3.0, "b": 5.0}


def test_warnings_are_shown_and_kept() -> None:
    watch = monitor()
    watch.warn("infrared: no cluster")
    assert watch.messages == ["infrared: no cluster"]


def test_what_an_approximate_search_found_is_shown_and_kept() -> None:
    shown = io.StringIO()
    watch = Monitor(Display(Console(file=shown, width=200)))
    none = Neighbors(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))
    watch.searched("visible", Searched(none))
    assert watch.messages == [] and shown.getvalue() == ""
    watch.searched("visible", Searched(none, 0.97, 1000))
    watch.searched("infrared", Searched(none, 0.5, 20))
    assert watch.messages == [
        "visible: approximate k-NN, recall 0.9700 on 1,000 crops",
        "infrared: approximate k-NN, recall 0.5000 on 20 crops, below 0.95; "
        "a larger neighbors.approximate_above searches exactly",
    ]
    assert shown.getvalue().splitlines() == [watch.messages[0], f"warning: {watch.messages[1]}"]


def test_what_a_recipe_shows_of_its_clustering_is_kept() -> None:
    watch = monitor()
    found = dbscan(sparse.csr_matrix((2, 2), dtype=np.float32), eps=0.5, min_samples=1)
    watch.clustered("visible", Clustered(found, 0.5, None), sparse.csr_matrix((2, 2)))
    watch.clustered("infrared", Clustered(found, None, "no cluster was found"))
    assert watch.eps == {"visible": 0.5, "infrared": None}
    assert watch.shown["visible"].graph is not None and watch.shown["infrared"].graph is None
    assert watch.messages == ["infrared: no cluster was found"]
