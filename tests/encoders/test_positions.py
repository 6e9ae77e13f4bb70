import torch

from usvireid.encoders.positions import resized


def test_the_same_grid_gives_the_table_itself() -> None:
    table = torch.randn(6, 4)
    assert resized(table, (3, 2), (3, 2)) is table


def test_rows_and_columns_keep_their_places() -> None:
    table = torch.stack(torch.meshgrid(torch.arange(4.0), torch.arange(3.0), indexing="ij"), dim=-1).reshape(12, 2)
    found = resized(table, (4, 3), (8, 6)).reshape(8, 6, 2)
    assert (found[1:, :, 0] > found[:-1, :, 0]).all()
    assert (found[:, 1:, 1] > found[:, :-1, 1]).all()
    assert torch.allclose(found[:, :1, 0].expand(-1, 6), found[..., 0], atol=1e-5)
