"""timm's models: everything is read from the model itself."""

from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

from torch import Tensor, nn

from polyscale.backbones.local import local_folder
from polyscale.backbones.model_backbone import (
    Channels,
    ModelBackbone,
    ModelFacts,
    build_on_meta,
    freeze,
)
from polyscale.backbones.options import ReadOptions, check_layers
from polyscale.backbones.positions import (
    concatenate,
    map_alone,
    scaled_grid,
    split_tokens,
)
from polyscale.errors import InputError, RunError, first_line, near_matches, require
from polyscale.types import HW, TileFeatures


def is_timm(model: object) -> bool:
    """Whether it has timm's two marks; importing timm to look would take a second."""
    return (
        isinstance(model, nn.Module)
        and hasattr(model, "forward_features")
        and hasattr(model, "pretrained_cfg")
    )


def adapt_timm(
    model: nn.Module,
    options: ReadOptions | None = None,
    *,
    name: str | None = None,
    mean: Channels | None = None,
    std: Channels | None = None,
) -> ModelBackbone:
    """A live timm model: its last feature map and its prefix tokens, or chosen layers.

    Args:
        model: anything of timm's.
        options: how to read it.
        name: how results call it.
        mean: of the weights, where another library trained them.
        std: likewise.

    Raises:
        InputError: if its features have no positions, or it does not offer what the options ask.
    """
    options = options or ReadOptions()
    name = options.label(name or _name(model))
    options.refuse("output", "channels_last", by=name, instead="timm's models tell it.")
    native_hw, timm_mean, timm_std = _data_config(model)
    patch_embed: Any = getattr(model, "patch_embed", None)
    strict = bool(getattr(patch_embed, "strict_img_size", False))
    tile_hw = options.tile_hw or native_hw
    if strict and tile_hw != native_hw:
        raise InputError(
            f"tile_hw must be {native_hw} for {name}, which takes no other, but got {tile_hw}. "
            "Build it for that size: timm.create_model(..., img_size=...)"
        )
    grid_hw = getattr(patch_embed, "grid_size", None)
    read = _Reader(
        name=name,
        num_prefix=_num_prefix(model) if options.num_prefix is None else options.num_prefix,
        native_hw=native_hw,
        grid_hw=(int(grid_hw[0]), int(grid_hw[1])) if grid_hw else None,
        channels_last=getattr(model, "output_fmt", "NCHW") == "NHWC",
        layers=_layers(model, options, name),
        norm=options.norm and _has_norm(model),
    )
    facts = ModelFacts(
        name=name,
        tile_hw=tile_hw,
        has_cls=getattr(model, "cls_token", None) is not None,
        fixed_tile=True if strict else None,
        mean=mean or timm_mean,
        std=std or timm_std,
    )
    return ModelBackbone(model, read, facts)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    name: str
    num_prefix: int
    native_hw: HW
    grid_hw: HW | None
    channels_last: bool
    layers: tuple[int, ...] | None
    norm: bool

    def __call__(self, model: Any, tiles: Tensor) -> TileFeatures:
        if self.layers is not None:
            return concatenate(self._intermediates(model, tiles, self.layers), self.name)
        features = model.forward_features(tiles)
        if not isinstance(features, Tensor) or features.ndim not in (3, 4):
            seen = getattr(features, "shape", type(features).__name__)
            raise InputError(
                f"model {self.name} must give a map or tokens for each tile, but gives {seen}. "
                "Wrap a function that returns (tiles, channels, h, w): polyscale.wrap(function, "
                "tile_hw=…)."
            )
        if features.ndim == 4:
            return map_alone(features.movedim(-1, 1) if self.channels_last else features)
        return split_tokens(
            features,
            num_prefix=self.num_prefix,
            tile_hw=tiles.shape[-2:],
            patches_hw=self._patches(tiles),
            name=self.name,
        )

    def _patches(self, tiles: Tensor) -> HW | None:
        if self.grid_hw is None:
            return None
        return scaled_grid(self.grid_hw, self.native_hw, tiles.shape[-2:])

    def _intermediates(
        self, model: Any, tiles: Tensor, layers: tuple[int, ...]
    ) -> list[TileFeatures]:
        prefix = {"return_prefix_tokens": True} if self.num_prefix else {}
        order = sorted({layer % len(model.feature_info) for layer in layers})
        found = model.forward_intermediates(
            tiles, indices=order, norm=self.norm, intermediates_only=True, **prefix
        )
        # timm gives each layer once, from the first to the last
        by_layer = dict(zip(order, found, strict=True))
        chosen = [by_layer[layer % len(model.feature_info)] for layer in layers]
        return [TileFeatures(*f) if isinstance(f, tuple) else map_alone(f) for f in chosen]


def _num_prefix(model: Any) -> int:
    return int(getattr(model, "num_prefix_tokens", 0))


def _has_norm(model: Any) -> bool:
    """Whether its features end in a norm of every position."""
    return not isinstance(getattr(model, "norm", None), nn.Identity | None)


def _layers(model: Any, options: ReadOptions, name: str) -> tuple[int, ...] | None:
    """Those to read through `forward_intermediates`; None for the model's own features."""
    layers = options.layer_indices
    if layers is None and options.norm:
        return None
    if layers is None and not _has_norm(model):
        raise InputError(
            f"norm must be True for {name}, whose features pass no final norm, but got False. "
            "Leave it out."
        )
    offers = getattr(model, "forward_intermediates", None)
    if offers is None or (
        _num_prefix(model) and "return_prefix_tokens" not in signature(offers).parameters
    ):
        raise InputError(
            f"layers and norm must be left out for {name}, whose class in timm offers no choice. "
            "Wrap a function that returns the features you want."
        )
    layers = layers or (-1,)
    check_layers(layers, len(model.feature_info), name)
    return layers


def load_timm(
    name: str, *, weights: bool = True, options: ReadOptions | None = None
) -> ModelBackbone:
    """A timm model by name (`vit_base_patch16_224.augreg_in21k`) or folder, without its classifier.

    Args:
        name: as in `timm.list_models()`, or a local folder in timm's layout.
        weights: False builds the architecture alone, without memory for its parameters.
        options: where they name another tile size, the position embeddings are resampled to it.

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
    create = partial(timm.create_model, target, num_classes=0, pretrained=weights)
    try:
        model = create() if weights else build_on_meta(create)
    except Exception as error:  # whatever a damaged file makes timm and its readers raise
        if folder is not None:
            raise InputError(
                f"model folder {str(folder)!r} must be as timm writes it, with config.json and "
                f"weights that fit, but: {first_line(error)}. "
                "Save it again with timm.models.save_for_hf."
            ) from error
        if not isinstance(error, OSError):
            raise
        raise RunError(
            f"timm:{name}: the weights cannot be fetched ({first_line(error)}). Connect to "
            "the hub, or give a local folder: timm:PATH"
        ) from error
    return freeze(adapt_loaded_timm(model, options or ReadOptions(), name=f"timm:{name}"))


def adapt_loaded_timm(model: Any, options: ReadOptions, *, name: str) -> ModelBackbone:
    """A model of our own making, so its position embeddings may be resampled to the tile size."""
    if options.tile_hw is not None and hasattr(model, "set_input_size"):
        model.set_input_size(img_size=options.tile_hw)
    return adapt_timm(model, options, name=name)


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


def _data_config(model: nn.Module) -> tuple[HW, Channels | None, Channels | None]:
    from timm.data import resolve_model_data_config

    config = resolve_model_data_config(model)
    built_for = getattr(getattr(model, "patch_embed", None), "img_size", None)
    height, width = built_for or config["input_size"][-2:]
    return (int(height), int(width)), tuple(config["mean"]), tuple(config["std"])


def _name(model: nn.Module) -> str:
    config = model.pretrained_cfg
    architecture = config.get("architecture") if isinstance(config, dict) else None
    return f"timm:{architecture or type(model).__name__}"
