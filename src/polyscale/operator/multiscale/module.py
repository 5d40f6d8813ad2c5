"""`MultiScale`: a backbone and its scales as one module."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self, Unpack

from polyscale.checks import check_flag
from polyscale.errors import InputError
from polyscale.operator.backbones import is_trained, model_dtype_device
from polyscale.operator.multiscale.call import (
    CallPlan,
    Prepared,
    Tiles,
    output_grid,
    plan_call,
    tile_chunks,
)
from polyscale.operator.multiscale.config import MultiScaleConfig, Options
from polyscale.operator.multiscale.features import MultiScaleFeatures
from polyscale.operator.multiscale.fuse import FusedTokens
from polyscale.operator.multiscale.hub import load_folder, push_folder, save_folder
from polyscale.operator.multiscale.inputs import (
    Images,
    as_parts,
    check_device_of,
    num_and_size,
    source_of,
)
from polyscale.operator.multiscale.picture import Preprocess
from polyscale.operator.multiscale.precision import autocast
from polyscale.operator.multiscale.ranks import sum_over_ranks
from polyscale.operator.multiscale.runner import ChunkRunner
from polyscale.operator.plan import Plan, plan_levels
from polyscale.types import HW, Backbone, format_scale

Sizes = tuple[tuple[int, int, int], ...]
"""Number, height and width of the images of each part."""


class MultiScale(nn.Module):
    """S² (paper, section 3.1): a backbone run over several scales of an image.

    Each scale is cut into tiles of the backbone's own size, each tile's map is pooled onto the
    output grid, and the scales are concatenated along channels. No parameter is added.

    Args:
        backbone: usually made by `polyscale.wrap`, which takes any model.
        scales: sizes relative to the model's own size.
        config: every choice; or give its options by name, for example `aspect="keep"`.
        frozen: freeze the backbone's parameters in place and keep it in evaluation mode, also when
            `train()` is called on this module or on one that holds it, for as long as none of its
            parameters is made trainable again. False leaves the backbone as it is.
        options: fields of `MultiScaleConfig`, where no config is given.

    Raises:
        InputError: if an option is unknown or breaks its rule.
    """

    def __init__(
        self,
        backbone: Backbone,
        scales: Sequence[float] | None = None,
        *,
        config: MultiScaleConfig | None = None,
        frozen: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        _check_backbone(backbone)
        chosen: dict[str, Any] = {**options} if scales is None else {**options, "scales": scales}
        if config is not None and chosen:
            raise InputError(f"give either config or options, but got both ({', '.join(chosen)}).")
        check_flag("frozen", frozen)
        self.backbone = backbone
        self.config = config or MultiScaleConfig.of(chosen)
        self._frozen = frozen
        self._runner: ChunkRunner | None = None
        self.training = getattr(backbone, "training", self.training)
        self._check_tiles()
        if frozen:
            self.requires_grad_(False)
            self.train(self.training)

    @property
    def scales(self) -> tuple[float, ...]:
        """The scales, in their order along the channels."""
        return self.config.scales

    @property
    def frozen(self) -> bool:
        """Whether it stays in evaluation mode: it was frozen, and nothing in it is trained."""
        return self._frozen and not is_trained(self)

    @property
    def out_channels(self) -> int:
        """Channels of the fused map: those of all scales, or of one where they are summed."""
        return self.backbone.dim * (len(self.scales) if self.config.merge == "concat" else 1)

    @property
    def pooled_dim(self) -> int:
        """Width of the pooled vector: of each scale the class token, if any, and the mean cell."""
        has_cls = self.backbone.has_cls and self.config.prefix != "none"
        return self.out_channels * (1 + has_cls)

    @property
    def num_features(self) -> int:
        """`out_channels`, by timm's name."""
        return self.out_channels

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """For each layer that is read, as timm has it: its channels and its reduction in pixels."""
        reduction = max(1, round(self.backbone.tile_hw[0] / self.plan.grid_hw[0]))
        num_scales = self.out_channels // self.backbone.dim
        return [
            {"num_chs": dim * num_scales, "reduction": reduction, "module": f"layers.{index}"}
            for index, dim in enumerate(_layer_dims(self.backbone))
        ]

    @property
    def plan(self) -> Plan:
        """The plan for an image of the backbone's own size."""
        return self.plan_for(self.backbone.tile_hw)

    def plan_for(self, image_hw: HW) -> Plan:
        """Levels, tiles and output grid for an image of this size in pixels."""
        levels = plan_levels(self.config, self.backbone.tile_hw, image_hw)
        return Plan(levels, output_grid(self.config, self.backbone, image_hw, levels))

    def forward(
        self, images: Images | None = None, *, pixel_values: Images | None = None
    ) -> MultiScaleFeatures:
        """Multi-scale features of images of any size.

        Args:
            images: floating point, normalised by the backbone's mean and std: a batch
                (batch, channels, h, w) or a list of (channels, h, w) of different sizes; or what
                `preprocess` gives, or what an image processor of transformers returns. Their tiles
                share chunks.
            pixel_values: the images, by the name that transformers uses.

        Raises:
            InputError: if they are not such images, or need different output grids; no tile has
                run then.
        """
        if images is not None and pixel_values is not None:
            raise InputError("give either images or pixel_values, but got both.")
        given = pixel_values if images is None else images
        if given is None:
            raise InputError("images must be given, but got None.")
        return self.run(self.prepare(given))

    def prepare(self, images: Images, *, eager: bool = False) -> Prepared:
        """The first half of `forward`: images → chunks of tiles.

        Args:
            images: as `forward` takes them.
            eager: make all tiles now, for example in a thread that runs ahead of the model, instead
                of each chunk when it is due.

        Raises:
            InputError: as `forward`.
        """
        parts = as_parts(images, self.backbone.in_channels)
        dtype, device = self._dtype_device(parts)
        sizes = tuple([num_and_size(part) for part in parts])
        plan = self._plan_call(sizes, dtype == torch.float64, torch.compiler.is_compiling())
        config, tile_hw, smooth = self.config, self.backbone.tile_hw, self.config.antialias
        sources = [source_of(part, config.source, tile_hw, antialias=smooth) for part in parts]

        def make() -> Iterator[Tiles]:
            return tile_chunks(plan, sources, device, dtype, antialias=smooth)

        if eager:
            made = list(make())
            return Prepared(plan, device, lambda: made)
        return Prepared(plan, device, make)

    def run(self, prepared: Prepared) -> MultiScaleFeatures:
        """The second half of `forward`: tiles → features."""
        backbone, config, layout = self.backbone, self.config, prepared.plan.layout
        runner = self._chunk_runner()
        if not torch.compiler.is_compiling() and runner.mixes_tiles():
            warnings.warn(
                f"{backbone.name} has batch norms that use the statistics of the batch, so that "
                "its features depend on which tiles share a chunk (tile_batch). Call eval(), or "
                "wrap it with frozen=True.",
                stacklevel=4,
            )
        fused = FusedTokens(layout)
        with autocast(prepared.device, config.dtype):
            tiles = iter(prepared.make_tiles())
            for table in prepared.plan.tables:
                fused.add(table, runner(next(tiles)))  # held by no name, to be freed at once
        return MultiScaleFeatures(
            fused.result(config.merge, sum_over_ranks if config.distributed else None),
            num_prefix=layout.out_prefix,
            grid_hw=layout.grid_hw,
            dim=backbone.dim,
            has_cls=backbone.has_cls and layout.out_prefix > 0,
            layer_dims=_layer_dims(backbone),
        )

    def forward_intermediates(
        self,
        images: Images,
        indices: int | Sequence[int] | None = None,
        *,
        return_prefix_tokens: bool = False,
        intermediates_only: bool = False,
    ) -> Any:
        """Maps of the layers that the backbone reads, after timm's method of this name.

        Which layers are read, and whether they are normed, is chosen once, by `wrap`.

        Args:
            images: as `forward` takes them.
            indices: which of the layers that were chosen with `layers=`; a number takes the last
                so many, None takes all.
            return_prefix_tokens: give (map, prefix tokens) for each layer.
            intermediates_only: leave out the fused map.

        Returns:
            The list of maps (batch, scales · channels, h, w), or the fused map and that list.
        """
        features = self(images)
        layers = features.layers
        picked = [layers[index] for index in _indices(indices, len(layers))]
        maps = [(p.map, p.prefix) if return_prefix_tokens else p.map for p in picked]
        return maps if intermediates_only else (features.map, maps)

    @property
    def preprocess(self) -> Preprocess:
        """Pictures → what `forward` takes: `ms(ms.preprocess(["photo.jpg"]))`.

        It holds the mean and std alone, so that the workers of a data loader can have it.

        Raises:
            InputError: if the model's mean and std are not known.
        """
        mean, std = self.backbone.mean, self.backbone.std
        if mean is None or std is None:
            raise InputError(
                f"the mean and std of {self.backbone.name} must be known to prepare pictures, but "
                "cannot be read from it. Give them: polyscale.wrap(model, mean=…, std=…)."
            )
        return Preprocess(tuple(mean), tuple(std))

    def tile_batch(self) -> int:
        """How many tiles of the model's own size run at once: as chosen, or as many as fit."""
        return self._chunk_runner().tile_batch(self.backbone.tile_hw)

    def with_scales(self, scales: Sequence[float]) -> "MultiScale":
        """The same backbone and choices with other scales; what was measured is kept."""
        return self.with_options(scales=tuple(scales))

    def with_options(self, **options: Any) -> "MultiScale":
        """The same backbone with other choices of its config; what was measured is kept."""
        module = MultiScale(self.backbone, config=replace(self.config, **options))
        module._frozen, module._runner = self._frozen, self._chunk_runner()
        return module

    def train(self, mode: bool = True) -> Self:
        """Training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen and isinstance(self.backbone, nn.Module):
            self.backbone.eval()
        return self

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write a folder that `from_pretrained` reads, and make it where it is missing.

        The weights of a backbone that was loaded by its name are not copied while they are frozen
        and as they were loaded, which loads them once more to compare.

        Raises:
            InputError: if the backbone is neither of `polyscale.load` nor a live model of timm or
                transformers, and so cannot be built again.
            MissingExtraError: if huggingface_hub or safetensors is not installed.
        """
        save_folder(Path(folder), self.backbone, self.config, frozen=self.frozen)

    def push_to_hub(self, repo: str, **options: Any) -> str:
        """Save it as a repository of the Hugging Face hub, and return the address of the commit.

        Args:
            repo: for example `"user/name"`.
            options: `private` and `token`, and those of `huggingface_hub.HfApi.upload_folder`, for
                example `commit_message`.
        """
        return push_folder(self.save_pretrained, repo, **options)

    @classmethod
    def from_pretrained(cls, folder_or_repo: str | PathLike[str], **options: Any) -> "MultiScale":
        """What `save_pretrained` or `push_to_hub` wrote, in evaluation mode. No code in it is run.

        Args:
            folder_or_repo: a folder, or a repository of the Hugging Face hub.
            options: of `huggingface_hub.snapshot_download`, for example `revision="v1"`.

        Raises:
            InputError: if it holds anything else.
            MissingExtraError: if huggingface_hub or safetensors is not installed.
            RunError: if the hub cannot be reached.
        """
        backbone, config, frozen = load_folder(str(folder_or_repo), **options)
        return cls(backbone, config=config, frozen=frozen).eval()

    def __repr__(self) -> str:
        name, channels = self.backbone.name, self.out_channels
        return f"MultiScale({name!r}, {self.config!r}, out_channels={channels})"

    def __getstate__(self) -> dict[str, Any]:
        # what was compiled and measured stays here
        return {**self.__dict__, "_runner": None}

    def _chunk_runner(self) -> ChunkRunner:
        if self._runner is None or not self._runner.serves(self.backbone, self.config):
            self._runner = ChunkRunner(self.backbone, self.config)
        return self._runner

    def _dtype_device(self, parts: Sequence[Any]) -> tuple[torch.dtype, torch.device]:
        """What tiles are to be: as the model, or as the images where it has no parameters."""
        dtype, device = model_dtype_device(self.backbone)
        if isinstance(self.backbone, nn.Module) and any(True for _ in self.parameters()):
            check_device_of(parts, device)
            return dtype, device
        first = next((part for part in parts if isinstance(part, Tensor)), None)
        return (dtype, device) if first is None else (first.dtype, first.device)

    # for a compiler it is a constant: it depends on sizes, and computes with no tensor of the call
    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def _plan_call(self, sizes: Sizes, exact: bool, traced: bool) -> CallPlan:
        return plan_call(self.config, self._chunk_runner(), sizes, exact=exact, traced=traced)

    def _check_tiles(self) -> None:
        """Refuse tiles of another size than the backbone takes, before any image comes."""
        backbone = self.backbone
        for level in plan_levels(self.config, backbone.tile_hw):
            if level.tile_hw == backbone.tile_hw:
                continue
            if not backbone.fixed_tile:
                self._chunk_runner().cells_of(level.tile_hw)
                continue
            height, width = backbone.tile_hw
            model = f"{backbone.name}, whose tiles are always {height}×{width} px"
            if level.scale > 1:
                raise InputError(
                    f"split must be True for {model}. Build the model for the larger size instead."
                )
            raise InputError(
                f"scales must be at least 1 for {model}, but got {format_scale(level.scale)}. "
                "Leave the smaller scale out, or use a convolutional model."
            )


def _check_backbone(backbone: object) -> None:
    lacking = [name for name in Backbone.__annotations__ if not hasattr(backbone, name)]
    if lacking or not callable(backbone):
        raise InputError(
            f"backbone must be a Backbone, but {type(backbone).__name__} has no "
            f"{', '.join(lacking) or 'call'}. Use polyscale.wrap(model, scales=(1, 2)), which "
            "takes any model."
        )


def _indices(indices: int | Sequence[int] | None, num: int) -> Sequence[int]:
    """As timm takes them: all, the last so many, or these."""
    if indices is None:
        return range(num)
    if isinstance(indices, Sequence):
        fits, chosen = all(-num <= index < num for index in indices), indices
    else:
        fits, chosen = 1 <= indices <= num, range(num)[-int(indices) :]
    if not fits:
        raise InputError(
            f"indices must be of the {num} layers that are read, or how many of the last ones, but "
            f"got {indices!r}. Choose the layers that are read with layers=."
        )
    return chosen


def _layer_dims(backbone: Backbone) -> tuple[int, ...]:
    return tuple(getattr(backbone, "layer_dims", (backbone.dim,)))
