"""Feature maps of many images, read from the disk as they are asked for.

One scale takes images × h × w × channels × 2 bytes: 1.5 GB for 1 000 images of a ViT-L at 28 × 28.
Training asks for a batch at a time, so only its rows are read. Files are opened for each batch and
never mapped, so the memory in use stays that of a batch, whatever the number of images.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float
from numpy.typing import DTypeLike, NDArray

from polyscale.errors import InputError
from polyscale.store.features import FeatureStore, gone, remove

MapArray = Float[NDArray, "num h w channels"]

LOAD = 64
"""Images that are read at once where all are kept."""


class MapSource(Protocol):
    """Maps that give some of theirs."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, height and width of the grid, channels."""
        ...

    def __len__(self) -> int:
        """Images."""
        ...

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices."""
        ...


class ArrayMaps:
    """Maps that are in memory.

    Args:
        array: all of them.
    """

    def __init__(self, array: MapArray) -> None:
        self._array = array

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, height and width of the grid, channels."""
        num, h, w, channels = self._array.shape
        return num, h, w, channels

    def __len__(self) -> int:
        return len(self._array)

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """A copy of the maps of some images."""
        return self._array[_checked(indices, len(self))]


class StoredMaps:
    """The maps of one scale, kept in a store.

    Args:
        store: where they are.
        key: under which.
        shards: the images of each file, from 0 upwards, without gaps.
        map_shape: height and width of the grid, channels.
        memory_bytes: if all maps take no more than this, they are read once and kept.
        dtype: in which they are kept.

    Raises:
        StoreError: if a file is not there or damaged; `take` raises it as well.
    """

    def __init__(
        self,
        store: FeatureStore,
        key: str,
        shards: Sequence[range],
        map_shape: tuple[int, int, int],
        *,
        memory_bytes: int = 0,
        dtype: DTypeLike = np.float16,
    ) -> None:
        assert [s.start for s in shards] == [0, *(s.stop for s in shards[:-1])], shards
        self._files = [store.rows_file(key, s.start, s.stop, map_shape, dtype) for s in shards]
        self._starts = np.array([s.start for s in shards])
        self._dtype = np.dtype(dtype)
        self.shape = (shards[-1].stop, *map_shape)
        self._kept: ArrayMaps | None = None
        self._kept = _load_if_fits(self, self._dtype, memory_bytes)

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices."""
        if self._kept is not None:
            return self._kept.take(indices)
        indices = _checked(indices, len(self))
        taken = np.empty((len(indices), *self.shape[1:]), self._dtype)
        shard = np.searchsorted(self._starts, indices, side="right") - 1
        for number in np.unique(shard):
            file = self._files[number]
            places = np.flatnonzero(shard == number)
            try:
                file.read_into(indices[places] - self._starts[number], places, taken)
            except (OSError, ValueError) as error:
                raise gone(file.file) from error
            if not all(np.isfinite(taken[place]).all() for place in places):
                remove(file.file)
                raise gone(file.file)
        return taken


class JoinedMaps:
    """Several scales of the same images side by side along channels.

    Args:
        maps: of each scale, on the same grid.
        memory_bytes: if all joined maps take no more than this, they are read once and kept.

    Raises:
        InputError: if images or grids differ.
    """

    def __init__(self, maps: Sequence[MapSource], *, memory_bytes: int = 0) -> None:
        if not maps or len({m.shape[:3] for m in maps}) > 1:
            shapes = ", ".join("×".join(map(str, m.shape[:3])) for m in maps) or "none"
            raise InputError(
                "maps must have the same number of images and the same grid, "
                f"but got images × height × width {shapes}."
            )
        self._maps = tuple(maps)
        self.shape = (*maps[0].shape[:3], sum(m.shape[3] for m in maps))
        self._kept: ArrayMaps | None = None
        if memory_bytes:  # the dtype is known from a map
            dtype = self.take(np.array([0])).dtype
            self._kept = _load_if_fits(self, dtype, memory_bytes)

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices."""
        if self._kept is not None:
            return self._kept.take(indices)
        taken = [m.take(indices) for m in self._maps]
        return taken[0] if len(taken) == 1 else np.concatenate(taken, axis=-1)


class SummedMaps:
    """Several scales of the same images, one on top of the other.

    Args:
        maps: of each scale, of the same shape.
        mean: divide by their number.
    """

    def __init__(self, maps: Sequence[MapSource], *, mean: bool = False) -> None:
        self._maps, self._divisor = tuple(maps), len(maps) if mean else 1
        self.shape = maps[0].shape

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, float32."""
        total = sum(m.take(indices).astype(np.float32) for m in self._maps)
        return np.asarray(total) / self._divisor


def _load_if_fits(maps: MapSource, dtype: np.dtype, memory_bytes: int) -> ArrayMaps | None:
    """All maps, if they take no more than this."""
    if int(np.prod(maps.shape, dtype=object)) * dtype.itemsize > memory_bytes:
        return None
    array = np.empty(maps.shape, dtype)
    for start in range(0, len(maps), LOAD):
        stop = min(start + LOAD, len(maps))
        array[start:stop] = maps.take(np.arange(start, stop))
    return ArrayMaps(array)


def _checked(indices: NDArray[np.integer], num: int) -> NDArray[np.integer]:
    """Indices of images that exist; numpy would count negative ones from the end."""
    if len(indices) and not (indices.min() >= 0 and indices.max() < num):
        raise IndexError(f"indices must be from 0 to {num - 1}, but got {indices}.")
    return indices
