"""timm's models: everything is read from the model itself."""

from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.backbones.local import local_folder
from polyscale.backbones.probe import probe
from polyscale.errors import InputError, RunError, near_matches, require
from polyscale.types import HW, TileFeatures


class TimmBackbone(nn.Module):
    """A timm model as a `Backbone`: its last feature map and its prefix tokens.

    Args:
        model: any timm model whose `forward_features` gives one output for each position.
        name: how results call it.

    Raises:
        InputError: if the model's features have no positions.
    """

    def __init__(self, model: nn.Module, *, name: str) -> None:
        super().__init__()
        self.model = model
        self.name = name
        self.tile_hw, self.mean, self.std = _data_config(model)
        self.num_prefix = int(getattr(model, "num_prefix_tokens", 0))
        self.has_cls = self.num_prefix > 0 and getattr(model, "cls_token", None) is not None
        patch_embed = getattr(model, "patch_embed", None)
        self.fixed_tile = bool(getattr(patch_embed, "strict_img_size", False))
        self._channels_last_map = getattr(model, "output_fmt", "NCHW") == "NHWC"
        self.grid_hw, self.dim = self._probe_grid(patch_embed)

    def forward(self, tiles: Float[Tensor, "tiles 3 tile_h tile_w"]) -> TileFeatures:
        """Features of normalised tiles."""
        return self._split(self._features(tiles), self._grid_of(tiles))

    def _features(self, tiles: Tensor) -> Tensor:
        features = self.model.forward_features(tiles)  # type: ignore[operator]
        if not isinstance(features, Tensor) or features.ndim not in (3, 4):
            seen = getattr(features, "shape", type(features).__name__)
            raise InputError(
                f"model {self.name} must give a map or tokens for each tile, but gives {seen}. "
                "Wrap a function that returns (tiles, channels, h, w): polyscale.wrap(function, "
                "tile_hw=…)."
            )
        return features

    def _split(self, features: Tensor, grid_hw: HW) -> TileFeatures:
        if features.ndim == 4:
            map_ = features.permute(0, 3, 1, 2) if self._channels_last_map else features
            return TileFeatures(map_, map_.new_zeros(map_.shape[0], 0, map_.shape[1]))
        # (tiles, prefix + h·w, dim) → (tiles, dim, h, w), a view
        cells = features[:, self.num_prefix :].unflatten(1, grid_hw)
        return TileFeatures(cells.permute(0, 3, 1, 2), features[:, : self.num_prefix])

    def _grid_of(self, tiles: Tensor) -> HW:
        """Cells of tokens; a tile of another size has proportionally fewer or more."""
        (grid_h, grid_w), (tile_h, tile_w) = self.grid_hw, self.tile_hw
        return grid_h * tiles.shape[-2] // tile_h, grid_w * tiles.shape[-1] // tile_w

    def _probe_grid(self, patch_embed: Any) -> tuple[HW, int]:
        features = probe(self._features, self.tile_hw, like=self.model)
        assert isinstance(features, Tensor)
        if features.ndim == 4:
            map_ = self._split(features, (0, 0)).map
            return (map_.shape[2], map_.shape[3]), map_.shape[1]
        grid_hw = tuple(getattr(patch_embed, "grid_size", None) or (0, 0))
        if grid_hw[0] * grid_hw[1] + self.num_prefix != features.shape[1]:
            raise InputError(
                f"model {self.name} gives {features.shape[1]} tokens for a tile, which is not "
                f"{self.num_prefix} prefix tokens and a grid of {grid_hw[0]}×{grid_hw[1]}. Wrap a "
                "function that returns (tiles, channels, h, w): polyscale.wrap(function, "
                "tile_hw=…)."
            )
        return (grid_hw[0], grid_hw[1]), features.shape[2]


def load_timm(name: str, *, weights: bool = True) -> TimmBackbone:
    """A timm model by name (`vit_base_patch16_224.augreg_in21k`) or folder, without its classifier.

    Args:
        name: as in `timm.list_models()`, or a local folder in timm's layout.
        weights: False builds the architecture alone, without memory for its parameters.

    Raises:
        InputError: if timm knows no such model or has no weights for it.
        MissingExtraError: if timm is not installed.
        RunError: if the weights cannot be fetched.
    """
    require("timm", extra="timm", feature=f"timm:{name}")
    import timm

    folder = local_folder(name)
    if folder is None:
        _check_name(name, weights)
    target = name if folder is None else f"local-dir:{folder}"
    try:
        with nullcontext() if weights else torch.device("meta"):
            model = timm.create_model(target, pretrained=weights, num_classes=0)
    except Exception as error:  # whatever a damaged file makes timm and its readers raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if folder is not None:
            raise InputError(
                f"model folder {str(folder)!r} must be as timm writes it, with config.json and "
                f"weights that fit, but: {reason}. Save it again with timm.models.save_for_hf."
            ) from error
        if not isinstance(error, OSError):
            raise
        raise RunError(
            f"timm:{name}: the weights cannot be fetched ({reason}). Connect to the hub, or "
            "give a local folder: timm:PATH"
        ) from error
    return freeze(TimmBackbone(model, name=f"timm:{name}"))


def freeze(backbone: TimmBackbone) -> TimmBackbone:
    """Evaluation mode, no gradients, and for convolutions the memory layout that is fastest."""
    backbone.eval().requires_grad_(False)
    if any(
        isinstance(m, nn.Conv2d) and m.kernel_size[0] != m.stride[0] for m in backbone.modules()
    ):
        backbone.to(memory_format=torch.channels_last)
    return backbone


def _check_name(name: str, weights: bool) -> None:
    import timm

    architecture, _, tag = name.partition(".")
    hint = "List them with: polyscale models timm"
    if not timm.is_model(architecture):
        known = near_matches(architecture, timm.list_models())
        raise InputError(f"timm knows no model {architecture!r}.{known} {hint}")
    tagged = [
        t for t in timm.list_pretrained(architecture + "*") if t.startswith(architecture + ".")
    ]
    if tag and name not in tagged:
        known = near_matches(name, tagged)
        raise InputError(f"timm has no weights {name!r}.{known} {hint}")
    if weights and not timm.is_model_pretrained(architecture):
        raise InputError(f"timm has the architecture {name!r} but no weights for it. {hint}")


def _data_config(model: nn.Module) -> tuple[HW, tuple[float, ...] | None, tuple[float, ...] | None]:
    from timm.data import resolve_model_data_config

    config = resolve_model_data_config(model)
    built_for = getattr(getattr(model, "patch_embed", None), "img_size", None)
    height, width = built_for or config["input_size"][-2:]
    return (int(height), int(width)), tuple(config["mean"]), tuple(config["std"])
