"""Numbers in, numbers out: paired resampling, tests, verdicts, fronts and cascades."""

from polyscale.stats.cascade import (
    CascadeAnswers,
    CascadeCurve,
    CascadePoint,
    cascade_curve,
    choose_threshold,
    run_cascade,
)
from polyscale.stats.depth import (
    DEPTH_METRICS,
    EIGEN_CROP_YXYX,
    depth_errors,
    depth_metrics,
)
from polyscale.stats.equivalence import MARGIN, equivalence_p, score_interval
from polyscale.stats.frontier import (
    DominanceCall,
    Point,
    dominance_calls,
    dominates,
    interpolate_at_cost,
    pareto_front,
    point,
)
from polyscale.stats.holm import holm
from polyscale.stats.image_bootstrap import (
    WeightedMetric,
    image_contrasts,
    image_intervals,
    mean_iou,
    mean_of_images,
    weighted_contrasts,
    weighted_intervals,
)
from polyscale.stats.intervals import accuracy_intervals
from polyscale.stats.objects import AREA_EDGES_PX, ObjectIous, object_ious
from polyscale.stats.paired import paired_contrasts
from polyscale.stats.power import images_to_differ, images_to_equate, trials_per_arm
from polyscale.stats.seeds import SeedSpread, over_seeds
from polyscale.stats.segmentation import (
    ImageCounts,
    PixelCounts,
    class_iou,
    count_pixels,
    segmentation_metrics,
    stack_counts,
)
from polyscale.stats.size_bins import SizeBin, size_bins, size_contrasts, size_means, sizes_json
from polyscale.stats.sweet_spot import BudgetRange, sweet_spots, sweet_spots_by_axis
from polyscale.stats.verdict import corrected_contrasts, find_contrast, judge

__all__ = [
    "AREA_EDGES_PX",
    "DEPTH_METRICS",
    "EIGEN_CROP_YXYX",
    "MARGIN",
    "BudgetRange",
    "CascadeAnswers",
    "CascadeCurve",
    "CascadePoint",
    "DominanceCall",
    "ImageCounts",
    "ObjectIous",
    "PixelCounts",
    "Point",
    "SeedSpread",
    "SizeBin",
    "WeightedMetric",
    "accuracy_intervals",
    "cascade_curve",
    "choose_threshold",
    "class_iou",
    "corrected_contrasts",
    "count_pixels",
    "depth_errors",
    "depth_metrics",
    "dominance_calls",
    "dominates",
    "equivalence_p",
    "find_contrast",
    "holm",
    "image_contrasts",
    "image_intervals",
    "images_to_differ",
    "images_to_equate",
    "interpolate_at_cost",
    "judge",
    "mean_iou",
    "mean_of_images",
    "object_ious",
    "over_seeds",
    "paired_contrasts",
    "pareto_front",
    "point",
    "run_cascade",
    "score_interval",
    "segmentation_metrics",
    "size_bins",
    "size_contrasts",
    "size_means",
    "sizes_json",
    "stack_counts",
    "sweet_spots",
    "sweet_spots_by_axis",
    "trials_per_arm",
    "weighted_contrasts",
    "weighted_intervals",
]
