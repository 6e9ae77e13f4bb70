"""The map: a point for every crop, in the order of its data."""

from xml.etree import ElementTree

import numpy as np
import pytest

from tests.quality.made_labels import random_case, unit
from usvireid.quality.page.feature_map import feature_map, project
from usvireid.quality.page.sample import Sample


def test_points_stand_in_the_order_of_the_data():
    crops, labels, features = random_case(0)
    rows = np.random.default_rng(0).permutation(60)[:50]
    found = feature_map(Sample(rows, features.take(rows)), crops, labels, seed=0)
    root = ElementTree.fromstring(found.svg)
    uses = list(root.iter("use"))
    infrared = found.data["infrared"]
    assert len(uses) == 50 == found.crops and sorted(found.data["row"]) == sorted(rows.tolist())
    assert infrared == sorted(infrared)
    for use, side in zip(uses, infrared, strict=True):
        assert f"fill:var(--{'infrared' if side else 'visible'})" in use.attrib["style"]
    for row, side, camera, number in zip(
        *(found.data[k] for k in ("row", "infrared", "camera", "identity")), strict=True
    ):
        assert (crops.table["modality"][row] == "infrared") == bool(side)
        assert crops.table["camera"][row] == found.data["cameras"][camera]
        assert labels.column("identity")[row] == number
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    xs, ys = ([float(use.attrib[key]) for use in uses] for key in "xy")
    assert 0 < min(xs) < 0.1 * width and 0.9 * width < max(xs) < width
    assert 0 < min(ys) < 0.1 * height and 0.9 * height < max(ys) < height


def test_alike_crops_lie_together():
    people = np.repeat(np.arange(6), 12)
    values = np.eye(8, dtype=np.float32)[people] + 0.05 * np.random.default_rng(0).normal(size=(72, 8)).astype(
        np.float32
    )
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    plane, method = project(values, 0)
    assert method == "t-SNE" and np.array_equal(plane, project(values, 0)[0])
    apart = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert np.mean(people[apart.argmin(axis=1)] == people) == 1


@pytest.mark.parametrize(("size", "width"), [(2, 5), (5, 1), (5, 2), (29, 4), (40, 1), (31, 2)])
def test_any_number_of_crops_and_columns_has_places(size, width):
    values = np.random.default_rng(0).normal(size=(size, width)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    plane, _ = project(values, 0)
    assert plane.shape == (size, 2) and plane.dtype == np.float64 and np.isfinite(plane).all()


def test_crops_that_are_all_the_same_are_no_error():
    crops, labels, features = random_case(0)
    values = np.tile(features.values[:1], (60, 1))
    sample = Sample(np.arange(60), type(features)(values, crops))
    assert feature_map(sample, crops, labels, 0).method == "the two principal directions"


@pytest.mark.parametrize("distinct", [2, 3, 40])
def test_crops_that_repeat_themselves_are_no_error(distinct):
    values = unit(np.random.default_rng(0).normal(size=(distinct, 6)))
    plane, method = project(np.repeat(values, 40, axis=0)[:200], 0)
    assert method == "t-SNE" and np.isfinite(plane).all()


def test_too_few_crops_for_a_map():
    crops, labels, features = random_case(0)
    rows = np.arange(4)
    assert feature_map(Sample(rows, features.take(rows)), crops, labels, 0) is None
