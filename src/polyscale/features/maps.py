"""Feature maps of many images, read from the disk as they are asked for.

One scale takes images × h × w × channels × 2 bytes: 1.5 GB for 1 000 images of a ViT-L at 28 × 28.
Training asks for a batch at a time, so only its rows are read. Files are opened for each batch and
never mapped, so the memory in use stays that of a batch, whatever the number of images. Every row
is verified whenever it is read.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float
from numpy.typing import DTypeLike, NDArray

from polyscale.errors import InputError
from polyscale.features.store import FeatureStore
from polyscale.operator.multiscale import area_matrix
from polyscale.types import HW

MapArray = Float[np.ndarray, "num h w channels"]

IMAGES_AT_ONCE = 64
"""Images that are read at once where all are loaded into memory."""


class MapSource(Protocol):
    """Maps of many images, of which any can be asked for."""

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


class _WithShape:
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        return self.shape[0]


class ArrayMaps(_WithShape):
    """Maps that are all in memory."""

    def __init__(self, array: MapArray) -> None:
        num, h, w, channels = array.shape
        self._array, self.shape = array, (num, h, w, channels)

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """A copy of the maps of some images."""
        return self._array[_checked(indices, len(self))]


class StoredMaps(_WithShape):
    """The maps of one scale, kept in a store.

    Args:
        store: where they are.
        key: under which.
        shards: the images of each file, from 0 upwards, without gaps.
        map_shape: height and width of the grid, channels.
        dtype: in which they are kept.
    """

    def __init__(
        self,
        store: FeatureStore,
        key: str,
        shards: Sequence[range],
        map_shape: tuple[int, int, int],
        *,
        dtype: DTypeLike = np.float16,
    ) -> None:
        assert [s.start for s in shards] == [0, *(s.stop for s in shards[:-1])], shards
        self._store, self._key, self._shards, self._dtype = store, key, shards, dtype
        self._starts = np.array([s.start for s in shards])
        self.shape = (shards[-1].stop, *map_shape)

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices.

        Raises:
            LostFeaturesError: if they are gone or damaged. Damaged ones are removed, so that the
                next run computes them again.
        """
        indices = _checked(indices, len(self))
        taken = np.empty((len(indices), *self.shape[1:]), self._dtype)
        shard_of = np.searchsorted(self._starts, indices, side="right") - 1
        for number in np.unique(shard_of):
            places = np.flatnonzero(shard_of == number)
            rows = indices[places] - self._starts[number]
            self._store.read_some(
                self._key, self._shards[number], taken, rows.tolist(), places.tolist()
            )
        return taken


class JoinedMaps(_WithShape):
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
        self._maps: tuple[MapSource, ...] = tuple(maps)
        self.shape = (*maps[0].shape[:3], sum(m.shape[3] for m in maps))
        if memory_bytes:
            self._load_if_fits(memory_bytes)

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices."""
        taken = [m.take(indices) for m in self._maps]
        return taken[0] if len(taken) == 1 else np.concatenate(taken, axis=-1)

    def _load_if_fits(self, memory_bytes: int) -> None:
        one = self.take(np.array([0]))
        if len(self) * one.nbytes > memory_bytes:
            return
        array = np.empty(self.shape, one.dtype)
        for start in range(0, len(self), IMAGES_AT_ONCE):
            stop = min(start + IMAGES_AT_ONCE, len(self))
            array[start:stop] = self.take(np.arange(start, stop))
        self._maps = (ArrayMaps(array),)


class StackedMaps(_WithShape):
    """The maps of some images, followed by those of others."""

    def __init__(self, first: MapSource, second: MapSource) -> None:
        self._first, self._second = first, second
        self.shape = (len(first) + len(second), *first.shape[1:])

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices."""
        of_second = indices >= len(self._first)
        parts = (
            self._first.take(indices[~of_second]),
            self._second.take(indices[of_second] - len(self._first)),
        )
        taken = np.empty((len(indices), *self.shape[1:]), parts[0].dtype)
        taken[~of_second], taken[of_second] = parts
        return taken


class SummedMaps(_WithShape):
    """Several scales of the same images, one on top of the other.

    Args:
        maps: of each scale, of the same shape.
        mean: divide by their number.
    """

    def __init__(self, maps: Sequence[MapSource], *, mean: bool = False) -> None:
        self._maps, self._divisor = tuple(maps), len(maps) if mean else 1
        self.shape = maps[0].shape

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, float32."""
        total = sum(m.take(indices).astype(np.float32) for m in self._maps)
        return np.asarray(total) / self._divisor


class StandardisedMaps(_WithShape):
    """Maps whose channels have the mean 0 and the standard deviation 1 over some images.

    Args:
        maps: the maps to standardise, of any images.
        mean: the mean of each channel, from `channel_statistics`.
        std: the standard deviation of each channel, from the same; channels that never vary become
            0.
    """

    def __init__(self, maps: MapSource, mean: NDArray[np.float32], std: NDArray[np.float32]):
        self._maps, self._mean, self.shape = maps, mean, maps.shape
        self._factor = np.divide(1, std, out=np.zeros_like(std), where=std > 1e-6)

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, float32."""
        return (self._maps.take(indices).astype(np.float32) - self._mean) * self._factor


def channel_statistics(
    maps: MapSource, indices: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each channel over all cells of some images (channels,)."""
    total, squares, num = np.zeros(maps.shape[3]), np.zeros(maps.shape[3]), 0
    for start in range(0, len(indices), IMAGES_AT_ONCE):
        cells = maps.take(indices[start : start + IMAGES_AT_ONCE]).astype(np.float64)
        cells = cells.reshape(-1, maps.shape[3])
        total, squares, num = total + cells.sum(0), squares + (cells**2).sum(0), num + len(cells)
    mean = total / num
    variance = np.maximum(squares / num - mean**2, 0)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


class RegriddedMaps(_WithShape):
    """Maps as `MultiScale` would give them on another output grid: the mean over each cell's area.

    Equal to it where a scale is a whole number of tiles; where tiles overlap, cells are averaged
    twice.

    Args:
        maps: the maps.
        grid_hw: of the cells that come out.
        matrix: number of cells in and out along an axis → how much each counts (out, in).
    """

    def __init__(
        self,
        maps: MapSource,
        grid_hw: HW,
        matrix: Callable[[int, int], NDArray[np.floating]] = area_matrix,
    ) -> None:
        self._maps, self._matrix = maps, matrix
        self.shape = (maps.shape[0], *grid_hw, maps.shape[3])

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices."""
        taken = self._maps.take(indices)
        rows, columns = (
            self._matrix(n, out).astype(np.float32)
            for n, out in zip(taken.shape[1:3], self.shape[1:3], strict=True)
        )
        return np.einsum(
            "yh,xw,nhwc->nyxc", rows, columns, taken.astype(np.float32), optimize=True
        ).astype(taken.dtype)


def resampling_matrix(num_cells: int, num_out: int) -> NDArray[np.float64]:
    """One axis of a map on another grid, as a matrix (out, cells) whose rows add up to 1.

    The mean over the area of each output cell where there are fewer of them, and otherwise linear
    between the centres of cells. Beyond the outermost centres, values stay as they are.
    """
    if num_out <= num_cells:
        return area_matrix(num_cells, num_out)
    at = (np.arange(num_out) + 0.5) * num_cells / num_out - 0.5
    at = at.clip(0, num_cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(num_cells)))


def _checked(indices: NDArray[np.integer], num: int) -> NDArray[np.integer]:
    """Indices of images that exist; numpy would count negative ones from the end."""
    if len(indices) and not (indices.min() >= 0 and indices.max() < num):
        raise IndexError(f"indices must be from 0 to {num - 1}, but got {indices}.")
    return indices
