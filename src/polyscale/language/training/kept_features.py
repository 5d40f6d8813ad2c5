"""Features of a frozen vision tower, computed once and kept, in place of the tower."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from polyscale.errors import InputError
from polyscale.features import (
    FeatureStore,
    JoinedMaps,
    MapSource,
    StoredMaps,
    library_versions,
    weights_hash,
)
from polyscale.features.extract import READERS, SHARD
from polyscale.features.keys import Images
from polyscale.operator.multiscale.precision import Precision, autocast
from polyscale.types import Progress

FORMAT = 1
"""Raised when the same facts would give other features."""

PICTURES_AT_ONCE = 8
"""That go through the tower in one batch."""

AS_THEY_ARE = {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"}
"""What a LLaVA must be told to read the features of a `KeptTower`."""

MEMORY_SHARE = 0.25
"""Of the free memory, that may hold all features, so that they are read from the disk once."""


def keep_features(
    llava: Any,
    processor: Any,
    pictures: Images,
    *,
    store: FeatureStore,
    precision: Precision,
    progress: Progress,
) -> MapSource:
    """What the projector gets of every picture (num_pictures, 1, tokens, channels).

    Features are float32 where the tower computes in it, and otherwise float16.

    Args:
        llava: a `LlavaForConditionalGeneration`.
        processor: its processor.
        pictures: each once.
        store: where features are kept.
        precision: what the tower computes in.
        progress: told after every file of features.

    Raises:
        InputError: if pictures have different numbers of tokens, or features are not finite.
        StoreError: if the disk refuses.
    """
    key = _key(llava, processor, pictures, precision)
    dtype = np.float32 if precision == "fp32" else np.float16
    total = len(pictures)
    shards = [range(i, min(i + SHARD, total)) for i in range(0, total, SHARD)]
    with _bare(llava, precision):
        first = _features(llava, processor, pictures, range(1))
        row_shape = (1, *first.shape[1:])
        for shard in shards:
            progress("features of the tower", shard.start, total, "pictures")
            if not store.has(key, shard.start, shard.stop, row_shape, dtype):
                rows = _features(llava, processor, pictures, shard, first.shape[1:])
                store.write(key, shard.start, shard.stop, _stored(rows, dtype))
                store.describe(key, f"vision tower of a LLaVA, {total} images")
    progress("features of the tower", total, total, "pictures")
    maps = StoredMaps(store, key, shards, row_shape, dtype=dtype)
    return JoinedMaps([maps], memory_bytes=int(MEMORY_SHARE * psutil.virtual_memory().available))


@contextmanager
def without_tower(llava: Any) -> Iterator[None]:
    """A LLaVA whose `pixel_values` are features of its tower, which takes no part meanwhile."""
    tower = llava.model.vision_tower
    llava.model.vision_tower = KeptTower(llava.model.multi_modal_projector)
    try:
        yield
    finally:
        llava.model.vision_tower = tower


class KeptTower(nn.Module):
    """Gives features as they are, as its only hidden state."""

    def __init__(self, projector: nn.Module) -> None:
        super().__init__()
        self._dtype = next(projector.parameters()).dtype

    def forward(self, pixel_values: Tensor, **options: Any) -> BaseModelOutputWithPooling:
        """Features (pictures, tokens, channels) → themselves."""
        return BaseModelOutputWithPooling(hidden_states=(pixel_values.to(self._dtype),))


@contextmanager
def _bare(llava: Any, precision: Precision) -> Iterator[None]:
    """The LLaVA in evaluation mode, with features of its tower left as they are."""
    projector, was_training = llava.model.multi_modal_projector, llava.training
    llava.model.multi_modal_projector = nn.Identity()
    llava.eval()
    try:
        with torch.inference_mode(), autocast(llava.device, precision):
            yield
    finally:
        llava.model.multi_modal_projector = projector
        llava.train(was_training)


def _features(
    llava: Any,
    processor: Any,
    pictures: Images,
    chosen: range,
    shape: tuple[int, ...] | None = None,
) -> NDArray[np.float32]:
    """Features (num_chosen, tokens, channels), which must be of this shape."""
    parts: list[Tensor] = []
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(chosen), PICTURES_AT_ONCE):
            some = readers.map(pictures.read, chosen[start : start + PICTURES_AT_ONCE])
            made = [processor.image_processor(images=[p], return_tensors="pt") for p in some]
            _check_alike({tuple(each["pixel_values"].shape) for each in made})
            vision = {name: torch.cat([each[name] for each in made]) for name in made[0]}
            parts += _selected(llava, vision)
    _check_alike({tuple(part.shape) for part in parts} | ({shape} if shape else set()))
    return torch.stack(parts).numpy()


def _check_alike(shapes: set[tuple[int, ...]]) -> None:
    if len(shapes) > 1:
        listed = " and ".join("×".join(map(str, shape)) for shape in sorted(shapes))
        raise InputError(
            "cache_features must be off for pictures with different numbers of tokens, but got "
            f"{listed}. Choose an image mode that makes all pictures square, or leave it off."
        )


def _selected(llava: Any, vision: dict[str, Tensor]) -> list[Tensor]:
    vision = {name: tensor.to(llava.device) for name, tensor in vision.items()}
    vision["pixel_values"] = vision["pixel_values"].to(llava.dtype)
    chosen = llava.model.get_image_features(**vision, return_dict=True).pooler_output
    return [each.to("cpu", torch.float32) for each in chosen]


def _stored(rows: NDArray[np.float32], dtype: type[np.floating]) -> NDArray:
    stored = rows[:, None].astype(dtype)
    if not np.isfinite(stored).all():
        raise InputError(
            "model must have a vision tower whose features are finite, but some are not, or are "
            "too large for float16. Try precision fp32."
        )
    return stored


def _key(llava: Any, processor: Any, pictures: Images, precision: Precision) -> str:
    tower = llava.model.vision_tower
    return FeatureStore.key(
        {
            "format": FORMAT,
            "what": "what the projector of a LLaVA gets",
            "tower": tower.config.to_json_string(),
            "weights": weights_hash(tower),
            "layer": llava.config.vision_feature_layer,
            "strategy": llava.config.vision_feature_select_strategy,
            "pictures": pictures.fingerprint,
            "image processor": processor.image_processor.to_json_string(),
            "dtype": [precision, str(llava.dtype)],
            "transformers": transformers.__version__,
            **library_versions(),
        }
    )
