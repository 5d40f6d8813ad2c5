"""Errors of depth for each image, and their averages: how NYUv2 is judged."""

import numpy as np
from jaxtyping import Float

from polyscale.data.dataset import Depth
from polyscale.errors import InputError

DEPTH_METRICS = ("rmse", "abs_rel", "delta1", "delta2", "delta3", "silog")
"""With e = p - t in metres and d = ln p - ln t over the valid pixels of an image:

- rmse = √mean(e²), in metres
- abs_rel = mean(|e| / t)
- delta1, 2, 3 = share of pixels whose max(p / t, t / p) is below 1.25, 1.25², 1.25³
- silog = 100 · √(mean(d²) - mean(d)²), which ignores a common factor, as on KITTI's leaderboard
  (Eigen et al. 2014, equation 1; the training loss keeps half of the factor's cost).
"""

EIGEN_CROP_YXYX = (45 / 480, 41 / 640, 471 / 480, 601 / 640)
"""The part of an NYUv2 image that is judged: rows 45:471 and columns 41:601 of 480×640."""

Crop = tuple[float, float, float, float]


def depth_errors(
    depth_m: Depth,
    predicted_m: Float[np.ndarray, "h w"],
    *,
    min_m: float,
    max_m: float,
    crop_yxyx: Crop | None = None,
) -> Float[np.ndarray, " 6"]:
    """`DEPTH_METRICS` of one image; all are NaN if no pixel is valid.

    Args:
        depth_m: the truth in metres; NaN is unknown. Pixels from `min_m` to `max_m` are valid.
        predicted_m: metres, which are clipped to that range, as is customary.
        min_m: metres, above 0.
        max_m: metres, above `min_m`.
        crop_yxyx: the part that is judged, as shares of height and width; None judges everything.

    Raises:
        InputError: if the shapes differ, or the prediction is not finite.
    """
    if depth_m.shape != predicted_m.shape:
        raise InputError(
            f"predicted_m must have the shape of depth_m {depth_m.shape}, "
            f"but got {predicted_m.shape}. Resize the prediction, not the depth."
        )
    crop = crop_slices(depth_m.shape, crop_yxyx)
    truth = depth_m[crop]
    valid = (truth >= min_m) & (truth <= max_m)  # False for NaN
    if not valid.any():
        return np.full(len(DEPTH_METRICS), np.nan)
    t = truth[valid].astype(np.float64)
    p = predicted_m[crop][valid].astype(np.float64)
    if not np.isfinite(p).all():
        raise InputError(
            f"predicted_m must be finite, but {int((~np.isfinite(p)).sum())} pixels are not. "
            "Train with a lower learning rate or clip gradients."
        )
    p = p.clip(min_m, max_m)
    error, log_error = p - t, np.log(p / t)
    ratio = np.maximum(p / t, t / p)
    return np.array(
        [
            np.sqrt(np.mean(error**2)),
            np.mean(np.abs(error) / t),
            *(np.mean(ratio < 1.25**power) for power in (1, 2, 3)),
            100 * log_error.std(),
        ]
    )


def crop_slices(shape_hw: tuple[int, ...], crop_yxyx: Crop | None) -> tuple[slice, slice]:
    """Rows and columns of a crop that is given in shares, to the nearest pixel.

    Raises:
        InputError: if the crop is empty or reaches beyond the image.
    """
    height, width = shape_hw
    top, left, bottom, right = crop_yxyx or (0, 0, 1, 1)
    if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
        raise InputError(
            "crop_yxyx must be top, left, bottom, right as shares from 0 to 1, "
            f"but got {crop_yxyx}."
        )
    rows = slice(round(top * height), round(bottom * height))
    return rows, slice(round(left * width), round(right * width))


def depth_metrics(per_image: Float[np.ndarray, "num_images 6"]) -> dict[str, float]:
    """Means of rows of `depth_errors`, over the images that have a valid pixel.

    Raises:
        InputError: if there are no such images.
    """
    judged = per_image[~np.isnan(per_image[:, 0])]
    if not len(judged):
        raise InputError(
            f"per_image must hold an image with valid depth, but none of {len(per_image)} has any. "
            "Check the unit of the depth files and the range of depths."
        )
    return dict(zip(DEPTH_METRICS, judged.mean(axis=0).tolist(), strict=True))
