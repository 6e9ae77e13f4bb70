"""State dicts of small plain ViTs, and a straightforward forward on them."""

import torch
from torch import Tensor
from torch.nn import functional


def plain_vit(*, depth: int, width: int, positions: int, patch: int = 16, seed: int = 4) -> dict[str, Tensor]:
    """A state dict with timm's keys, classifier included; `positions` does not count the class token's."""
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + positions, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
    }
    for number in range(depth):
        for name, shape in (
            ("norm1", (width,)),
            ("attn.qkv", (3 * width, width)),
            ("attn.proj", (width, width)),
            ("norm2", (width,)),
            ("mlp.fc1", (4 * width, width)),
            ("mlp.fc2", (width, 4 * width)),
        ):
            shapes[f"blocks.{number}.{name}.weight"] = shape
            shapes[f"blocks.{number}.{name}.bias"] = shape[:1]
    shapes |= {"norm.weight": (width,), "norm.bias": (width,), "head.weight": (10, width), "head.bias": (10,)}
    return {key: 0.2 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def as_torchvision(weights: dict[str, Tensor], older: bool = False) -> dict[str, Tensor]:
    """The same under torchvision's keys; `older`: those of its first files."""
    renamed = {}
    for key, value in weights.items():
        for ours, theirs in (
            ("patch_embed.proj", "conv_proj"),
            ("cls_token", "class_token"),
            ("pos_embed", "encoder.pos_embedding"),
            ("blocks.", "encoder.layers.encoder_layer_"),
            ("norm1", "ln_1"),
            ("norm2", "ln_2"),
            ("attn.qkv.", "self_attention.in_proj_"),
            ("attn.proj", "self_attention.out_proj"),
            ("mlp.fc1", "mlp.linear_1" if older else "mlp.0"),
            ("mlp.fc2", "mlp.linear_2" if older else "mlp.3"),
            ("head.", "heads.head."),
        ):
            key = key.replace(ours, theirs)
        renamed[key.replace("norm.", "encoder.ln.") if key.startswith("norm.") else key] = value
    return renamed


def plain_features(weights: dict[str, Tensor], images: Tensor, *, heads: int, grid: tuple[int, int]) -> Tensor:
    """The normalised class token after the last block, B x width.

    Args:
        weights: with timm's keys, and a square table of positions.
        images: B x 3 x H x W, normalised, H and W multiples of the patch.
        heads: of the attention.
        grid: patches down and across.
    """
    patches = functional.conv2d(images, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], 16)
    width = patches.shape[1]
    side = int((weights["pos_embed"].shape[1] - 1) ** 0.5)
    table = weights["pos_embed"][:, 1:].transpose(1, 2).reshape(1, width, side, side)
    table = functional.interpolate(table, grid, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
    position = torch.cat([weights["pos_embed"][:, :1], table], dim=1)
    classes = weights["cls_token"].expand(len(images), 1, width)
    tokens = torch.cat([classes, patches.flatten(2).transpose(1, 2)], dim=1) + position
    depth = sum(key.endswith("norm1.weight") for key in weights)
    for number in range(depth):
        part = {key.split(".", 2)[2]: value for key, value in weights.items() if key.startswith(f"blocks.{number}.")}
        normed = functional.layer_norm(tokens, (width,), part["norm1.weight"], part["norm1.bias"], 1e-6)
        joined = functional.linear(normed, part["attn.qkv.weight"], part["attn.qkv.bias"])
        found = []
        for query, key, value in zip(*(piece.chunk(heads, dim=2) for piece in joined.chunk(3, dim=2)), strict=True):
            found.append((query @ key.transpose(1, 2) / (width / heads) ** 0.5).softmax(dim=2) @ value)
        attended = functional.linear(torch.cat(found, dim=2), part["attn.proj.weight"], part["attn.proj.bias"])
        tokens = tokens + attended
        normed = functional.layer_norm(tokens, (width,), part["norm2.weight"], part["norm2.bias"], 1e-6)
        inner = functional.gelu(functional.linear(normed, part["mlp.fc1.weight"], part["mlp.fc1.bias"]))
        tokens = tokens + functional.linear(inner, part["mlp.fc2.weight"], part["mlp.fc2.bias"])
    return functional.layer_norm(tokens[:, 0], (width,), weights["norm.weight"], weights["norm.bias"], 1e-6)
