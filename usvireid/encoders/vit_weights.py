"""ViT weights from a file: matched by the key names of timm and DeiT, or of torchvision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from usvireid.encoders.positions import resized
from usvireid.encoders.weights import fitting, read_weights, without_prefix
from usvireid.errors import DataError
from usvireid.names import MODALITIES


@dataclass(frozen=True)
class _Names:
    """How a library calls the tensors of a ViT.

    `stem`, `block` and the values of `parts` are beginnings of names; `block` has a place for the block's number.
    """

    stem: str
    position: str
    class_token: str
    norm: str
    block: str
    parts: Mapping[str, str]
    body: tuple[str, ...]
    """Beginnings of names that no classifier has: what is left over there would change the features."""

    def of(self, own: str) -> str:
        """The name of a tensor that is called `own` in `vit.PatchStem` or `vit.Trunk`."""
        if own.startswith("blocks."):
            _, number, rest = own.split(".", 2)
            part = next(part for part in self.parts if rest.startswith(part))
            return self.block.format(number) + self.parts[part] + rest.removeprefix(part)
        if own in ("position", "class_token"):
            return self.position if own == "position" else self.class_token
        part, _, rest = own.partition(".")
        return {"project": self.stem, "norm": self.norm}[part] + rest


_TIMM = _Names(
    stem="patch_embed.proj.",
    position="pos_embed",
    class_token="cls_token",
    norm="norm.",
    block="blocks.{}.",
    parts={
        "norm1.": "norm1.",
        "attention.qkv.": "attn.qkv.",
        "attention.proj.": "attn.proj.",
        "norm2.": "norm2.",
        "mlp.0.": "mlp.fc1.",
        "mlp.2.": "mlp.fc2.",
    },
    body=("patch_embed.", "blocks.", "norm_pre.", "dist_token", "reg_token"),
)
_TORCHVISION = _Names(
    stem="conv_proj.",
    position="encoder.pos_embedding",
    class_token="class_token",
    norm="encoder.ln.",
    block="encoder.layers.encoder_layer_{}.",
    parts={
        "norm1.": "ln_1.",
        "attention.qkv.": "self_attention.in_proj_",
        "attention.proj.": "self_attention.out_proj.",
        "norm2.": "ln_2.",
        "mlp.0.": "mlp.0.",
        "mlp.2.": "mlp.3.",
    },
    body=("conv_proj.", "encoder."),
)
# Files of torchvision's first ViTs have these names for the two layers.
_OLDER = {".mlp.linear_1.": ".mlp.0.", ".mlp.linear_2.": ".mlp.3."}


def load_vit(stems: nn.ModuleDict, trunk: nn.Module, grid: tuple[int, int], path: Path) -> int:
    """Fill the patch stem of each modality and the trunk they share with the weights of a plain ViT.

    The file may be any that `weights.read_weights` reads, with the names of timm and DeiT or those of torchvision, and
    any prefix before them. The stem goes to both modalities, the table of positions is resized, and a classifier is
    left out.

    Args:
        stems: a `vit.PatchStem` per modality.
        trunk: a `vit.Trunk`.
        grid: patches down and across of the trunk's table of positions.
        path: the file.

    Returns:
        The number of tensors that were taken from the file.

    Raises:
        DataError: no such file, not a file of weights, no ViT in it, or a ViT of another form: the message names the
            first tensor that differs with both shapes.
    """
    weights, names = _recognised(read_weights(path), path)
    stem, wanted = stems[MODALITIES[0]].state_dict(), trunk.state_dict()
    needed = {own: names.of(own) for own in (*stem, *wanted)}
    table = weights.get(names.position)
    if table is not None and table.ndim == 3 and table.shape[::2] == wanted["position"].shape[::2]:
        weights[names.position] = _for_grid(table.float(), grid, path, names.position)
    tensors = {needed[own]: tensor for own, tensor in {**stem, **wanted}.items()}
    taken = fitting(weights, tensors, path, "encoder.vit")
    left = [key for key in weights if key not in taken and key.startswith(names.body)]
    if left:
        raise DataError(
            f"{path}: has a tensor '{left[0]}' that the encoder has no place for; set encoder.vit to match."
        )
    trunk.load_state_dict({own: taken[needed[own]] for own in wanted})
    for modality in MODALITIES:
        stems[modality].load_state_dict({own: taken[needed[own]] for own in stem})
    return len(taken)


def _recognised(weights: Mapping[str, Tensor], path: Path) -> tuple[dict[str, Tensor], _Names]:
    """The tensors of the ViT in a file, without their prefix, and whose names they have."""
    for names in (_TIMM, _TORCHVISION):
        found = without_prefix(weights, f"{names.stem}weight")
        if found is not None:
            for older, newer in _OLDER.items():
                found = {key.replace(older, newer): value for key, value in found.items()}
            return found, names
    raise DataError(
        f"{path}: no ViT in this file (no tensor '{_TIMM.stem}weight' or '{_TORCHVISION.stem}weight' under any prefix)."
    )


def _for_grid(table: Tensor, grid: tuple[int, int], path: Path, name: str) -> Tensor:
    """A table of positions, 1 x (1 + n) x width with the class token's first, for another grid.

    A file does not tell its grid: n is taken for a square as in ImageNet's networks, else for the encoder's own grid,
    else for one twice as high as wide, as person crops are.
    """
    count = table.shape[1] - 1
    side, half = math.isqrt(max(count, 0)), math.isqrt(max(count, 0) // 2)
    possible = ((side, side), grid, (2 * half, half))
    known = next((shape for shape in possible if count > 0 and shape[0] * shape[1] == count), None)
    if known is None:
        raise DataError(
            f"{path}: tensor '{name}' has {count} positions beside the class token's, which is neither a square nor "
            f"{grid[0]} x {grid[1]} nor twice as high as wide; the file holds another network than encoder.name."
        )
    return torch.cat([table[:, :1], resized(table[0, 1:], known, grid)[None]], dim=1)
