"""The array of features that FAISS reads too."""

import io
from pathlib import Path

import numpy as np
import pytest

from usvireid.errors import DataError
from usvireid.search.flat_file import FlatWriter, read_flat


def written(path: Path, values: np.ndarray, step: int = 7) -> Path:
    with path.open("wb") as file:
        writer = FlatWriter(file, *values.shape)
        for low in range(0, len(values), step):
            writer.add(values[low : low + step])
        writer.close()
    return path


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (50, 16), (7, 3)])
def test_what_is_written_is_read(tmp_path: Path, shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = read_flat(written(tmp_path / "a.faiss", values))
    assert found.dtype == np.float32
    assert np.array_equal(np.array(found), values)


def test_faiss_reads_the_same_and_writes_the_same(tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss", reason="needs FAISS")
    values = np.random.default_rng(1).standard_normal((60, 12)).astype(np.float32)
    path = written(tmp_path / "ours.faiss", values)
    index = faiss.read_index(str(path))
    assert (index.ntotal, index.d, index.metric_type) == (60, 12, faiss.METRIC_INNER_PRODUCT)
    scores, ids = index.search(values[:5], 60)
    assert np.allclose(scores, np.sort(values[:5] @ values.T, axis=1)[:, ::-1], atol=1e-5)
    assert np.array_equal(ids[:, 0], (values[:5] @ values.T).argmax(axis=1))
    theirs = faiss.IndexFlatIP(12)
    theirs.add(values)
    faiss.write_index(theirs, str(tmp_path / "theirs.faiss"))
    assert np.array_equal(np.array(read_flat(tmp_path / "theirs.faiss")), values)


def test_rows_that_do_not_fit_are_refused() -> None:
    writer = FlatWriter(io.BytesIO(), 3, 4)
    with pytest.raises(ValueError, match="B x 4"):
        writer.add(np.zeros((2, 5), dtype=np.float32))
    with pytest.raises(ValueError, match="float64"):
        writer.add(np.zeros((2, 4)))
    writer.add(np.zeros((2, 4), dtype=np.float32))
    with pytest.raises(ValueError, match="1 rows are missing"):
        writer.close()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    values = np.ones((4, 3), dtype=np.float32)
    path = written(tmp_path / "a.faiss", values)
    whole = path.read_bytes()
    for content, said in [
        (b"", "not a flat FAISS index"),
        (b"PNG" + whole[3:], "not a flat FAISS index"),
        (whole[:-4], "damaged"),
        (whole[:33] + b"\x01" + whole[34:], "not a flat inner-product index"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_flat(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_flat(tmp_path / "none")
