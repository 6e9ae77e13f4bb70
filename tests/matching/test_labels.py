"""The table of pseudo-labels and its file: what goes in comes out, and nothing wrong gets in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.errors import DataError
from usvireid.matching.labels import ForeignLabels, PseudoLabels

PATHS = ["visible/a.jpg", "infrared/b.jpg", "visible/c, d.jpg", "infrared/ünï.jpg"]
MODALITIES = [names.VISIBLE, names.INFRARED, names.VISIBLE, names.INFRARED]


@pytest.fixture
def crops():
    return Crops.from_table(Path("data"), pd.DataFrame({"path": PATHS, "modality": MODALITIES}), "crops.csv")


@pytest.fixture
def labels(crops):
    role = np.array([names.CORE, names.CORE, names.BORDER, names.OUTLIER])
    return PseudoLabels.of_clusters(crops, np.array([0, 0, 1, -1]), role, np.array([1, 0.5, 0.25, 0]))


def written(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def edited(tmp_path, labels, change):
    """The file of some labels after a person changed its table of text."""
    path = tmp_path / "labels.csv"
    labels.write(path)
    table = change(pd.read_csv(path, dtype=str, keep_default_na=False))
    table.to_csv(path, index=False)
    return path


class TestTable:
    def test_before_matching_every_cluster_is_an_identity_of_its_modality(self, labels):
        assert tuple(labels.table.columns) == names.LABEL_COLUMNS
        assert labels.column(names.IDENTITY).tolist() == [0, 2, 1, -1]
        assert labels.column(names.SUB_CLUSTER).tolist() == [-1] * 4
        assert labels.identities_of(names.VISIBLE).tolist() == [0, 1]
        assert labels.identities_of(names.INFRARED).tolist() == [2]
        assert labels.shared_identities().tolist() == []

    def test_only_outliers_or_nothing_at_all(self, crops):
        role = np.array([names.OUTLIER] * 4)
        labels = PseudoLabels.of_clusters(crops, np.full(4, -1), role, np.zeros(4))
        assert labels.column(names.IDENTITY).tolist() == [-1] * 4
        nobody = crops.take(np.zeros(0, dtype=np.int64))
        assert len(PseudoLabels.of_clusters(nobody, np.zeros(0, dtype=np.int64), role[:0], np.zeros(0))) == 0

    def test_rows_columns_and_types(self, labels):
        assert len(labels) == 4
        assert labels.rows_of(names.INFRARED).tolist() == [1, 3]
        for column in (names.CLUSTER, names.SUB_CLUSTER, names.IDENTITY):
            assert labels.column(column).dtype == np.int64
        assert labels.column(names.CONFIDENCE).dtype == np.float32

    @pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True, False])])
    def test_take(self, labels, rows):
        taken = labels.take(rows)
        assert taken.table.index.tolist() == [0, 1]
        assert set(taken.column(names.PATH)) == {PATHS[0], PATHS[2]}

    def test_replace_makes_a_copy(self, labels):
        other = labels.replace(identity=np.array([7, 7, 7, -1]))
        assert other.column(names.IDENTITY).tolist() == [7, 7, 7, -1]
        assert labels.column(names.IDENTITY).tolist() == [0, 2, 1, -1]
        assert other.shared_identities().tolist() == [7]
        with pytest.raises(ValueError, match="no such label column: person"):
            labels.replace(person=np.zeros(4))


class TestFile:
    def test_what_was_written_is_read(self, tmp_path, labels, crops):
        path = tmp_path / "deep" / "labels.csv"
        labels.write(path)
        pd.testing.assert_frame_equal(PseudoLabels.read(path, crops).table, labels.table)

    @settings(max_examples=25, deadline=None)
    @given(
        identity=st.lists(st.integers(-1, 2**53 - 1), min_size=4, max_size=4),
        confidence=st.lists(st.integers(0, 10**4).map(lambda value: value / 10**4), min_size=4, max_size=4),
    )
    def test_any_identity_and_confidence_survives(self, tmp_path_factory, identity, confidence):
        table = pd.DataFrame({"path": PATHS, "modality": MODALITIES})
        crops = Crops.from_table(Path("data"), table, "crops.csv")
        labels = PseudoLabels.of_clusters(
            crops, np.array([0, 3, 1, -1]), np.array([names.CORE] * 4), np.array(confidence)
        ).replace(identity=np.array(identity, dtype=np.int64))
        path = tmp_path_factory.mktemp("labels") / "labels.csv"
        labels.write(path)
        pd.testing.assert_frame_equal(PseudoLabels.read(path, crops).table, labels.table)

    def test_writing_twice_gives_the_same_bytes_and_unix_line_ends(self, tmp_path, labels):
        labels.write(tmp_path / "a.csv")
        labels.write(tmp_path / "b.csv")
        first = (tmp_path / "a.csv").read_bytes()
        assert first == (tmp_path / "b.csv").read_bytes() and b"\r" not in first
        assert first.startswith(",".join(names.LABEL_COLUMNS).encode() + b"\n")

    def test_no_crops(self, tmp_path, labels, crops):
        nobody = np.zeros(0, dtype=np.int64)
        labels.take(nobody).write(tmp_path / "labels.csv")
        read = PseudoLabels.read(tmp_path / "labels.csv", crops.take(nobody))
        pd.testing.assert_frame_equal(read.table, labels.take(nobody).table)

    def test_rows_may_stand_in_any_order(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.iloc[[3, 0, 2, 1]])
        pd.testing.assert_frame_equal(PseudoLabels.read(path, crops).table, labels.table)

    def test_a_crop_without_a_row_gets_no_label(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.iloc[[2, 1]])
        read = PseudoLabels.read(path, crops)
        assert read.column(names.IDENTITY).tolist() == [-1, 2, 1, -1]
        assert read.column(names.ROLE).tolist() == [names.OUTLIER, names.CORE, names.BORDER, names.OUTLIER]
        assert read.column(names.CONFIDENCE).tolist() == [0, 0.5, 0.25, 0]

    def test_an_edited_identity_counts(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.assign(identity=["5", "5", "5.0", ""]))
        assert PseudoLabels.read(path, crops).column(names.IDENTITY).tolist() == [5, 5, 5, -1]

    def test_path_and_identity_are_enough(self, tmp_path, crops):
        path = written(tmp_path, f'identity,path,remark\n3,{PATHS[1]},sure\n3,"{PATHS[2]}",\n')
        read = PseudoLabels.read(path, crops)
        assert read.column(names.IDENTITY).tolist() == [-1, 3, 3, -1]
        assert read.column(names.CLUSTER).tolist() == [-1] * 4
        assert tuple(read.table.columns) == names.LABEL_COLUMNS
        assert read.table.dtypes.equals(PseudoLabels.read(path, crops).replace().table.dtypes)

    def test_types_do_not_depend_on_the_file(self, tmp_path, labels, crops):
        path = written(tmp_path, f"path,identity\n{PATHS[0]},1\n")
        assert PseudoLabels.read(path, crops).table.dtypes.to_dict() == labels.table.dtypes.to_dict()

    def test_a_spreadsheet_may_leave_its_mark_and_spaces(self, tmp_path, crops):
        path = tmp_path / "labels.csv"
        path.write_bytes(f"path,identity\r\n{PATHS[0]}, 4 \r\n".encode("utf-8-sig"))
        assert PseudoLabels.read(path, crops).column(names.IDENTITY).tolist() == [4, -1, -1, -1]

    def test_names_that_look_like_missing_values_are_paths(self, tmp_path):
        table = pd.DataFrame({"path": ["NA", "null", "None.jpg"], "modality": names.VISIBLE})
        crops = Crops.from_table(Path(), table, "crops.csv")
        labels = PseudoLabels.of_clusters(crops, np.array([0, 1, 2]), np.array([names.CORE] * 3), np.ones(3))
        labels.write(tmp_path / "labels.csv")
        read = PseudoLabels.read(tmp_path / "labels.csv", crops)
        pd.testing.assert_frame_equal(read.table, labels.table)


class TestCropsThatAreGone:
    def test_they_are_left_out_and_counted(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.iloc[[2, 1, 0]])
        said = []
        read = PseudoLabels.read(path, crops.take(np.array([0, 1, 3])), said.append)
        assert read.column(names.IDENTITY).tolist() == [0, 2, -1]
        assert len(said) == 1 and "1 of 3 rows" in said[0] and "row 2: 'visible/c, d.jpg'" in said[0]

    def test_rows_after_them_keep_their_numbers(self, tmp_path, crops):
        path = written(tmp_path, f"path,identity\nvisible/x.jpg,1\n{PATHS[0]},2\n{PATHS[1]},b\n")
        with pytest.raises(DataError, match=r"row 4: identity 'b'"):
            PseudoLabels.read(path, crops)

    def test_labels_of_other_data_are_refused(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.assign(path=["a", "b", "c", PATHS[3]]))
        with pytest.raises(ForeignLabels, match=r"3 of 4 rows .*row 2: 'a'.*labels of other data.*--stage cluster"):
            PseudoLabels.read(path, crops)
        with pytest.raises(ForeignLabels, match="a header and no rows"):
            PseudoLabels.read(edited(tmp_path, labels, lambda table: table.iloc[:0]), crops)


class TestRefusals:
    def refuse(self, path, crops, *words):
        with pytest.raises(DataError) as caught:
            PseudoLabels.read(path, crops)
        message = str(caught.value)
        assert str(path) in message and "\n" not in message
        for word in words:
            assert word in message, message

    def test_no_file(self, tmp_path, crops):
        self.refuse(tmp_path / "labels.csv", crops, "no such labels file", "--stage cluster")

    def test_a_folder(self, tmp_path, crops):
        self.refuse(tmp_path, crops)

    def test_an_empty_file(self, tmp_path, crops):
        self.refuse(written(tmp_path, ""), crops, "the file is empty", "starts with the line path,modality,cluster")

    @pytest.mark.parametrize("header", ["path,identity,identity", "path,identity,Identity "])
    def test_a_column_twice(self, tmp_path, crops, header):
        self.refuse(written(tmp_path, f"{header}\n{PATHS[0]},1,2\n"), crops, "'identity' stands in the header twice")

    def test_a_row_that_was_cut(self, tmp_path, crops):
        self.refuse(written(tmp_path, f"path,identity\n{PATHS[0]},1\n{PATHS[1]}\n"), crops, "row 3", "'identity'")

    @pytest.mark.parametrize("column", [names.PATH, names.IDENTITY])
    def test_a_column_is_missing(self, tmp_path, labels, crops, column):
        path = edited(tmp_path, labels, lambda table: table.drop(columns=column))
        self.refuse(path, crops, f"no column '{column}'")

    def test_an_empty_path(self, tmp_path, crops):
        self.refuse(written(tmp_path, f"path,identity\n{PATHS[0]},1\n,2\n"), crops, "row 3", "path")

    def test_a_path_twice(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.iloc[[0, 1, 0]])
        self.refuse(path, crops, "row 4", PATHS[0], "keep one")

    def test_another_modality(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.assign(modality=[names.INFRARED, *MODALITIES[1:]]))
        self.refuse(path, crops, "row 2", "modality 'infrared'")

    def test_no_modality(self, tmp_path, crops):
        path = written(tmp_path, f"path,identity,modality\n{PATHS[0]},1,visible\n{PATHS[1]},1,\n")
        self.refuse(path, crops, "row 3", "modality")

    @pytest.mark.parametrize("column", [names.CLUSTER, names.SUB_CLUSTER, names.IDENTITY])
    @pytest.mark.parametrize("value", ["-2", "1.5", "anna", "inf", "nan?", "1e300", "9007199254740993", "0x1"])
    def test_a_number_that_is_no_label(self, tmp_path, labels, crops, column, value):
        path = edited(tmp_path, labels, lambda table: table.assign(**{column: ["0", value, "1", "1"]}))
        self.refuse(path, crops, "row 3", f"{column} '{value}'", "whole number")

    def test_an_unknown_role(self, tmp_path, labels, crops):
        path = edited(tmp_path, labels, lambda table: table.assign(role=["core", "core", "chief", "core"]))
        self.refuse(path, crops, "row 4", "role 'chief'", "core, border, outlier")

    @pytest.mark.parametrize("value", ["1.01", "-0.1", "high", "inf"])
    def test_a_confidence_out_of_range(self, tmp_path, labels, crops, value):
        path = edited(tmp_path, labels, lambda table: table.assign(confidence=["1", "0", "0", value]))
        self.refuse(path, crops, "row 5", f"confidence '{value}'", "from 0 to 1")
