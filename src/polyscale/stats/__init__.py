"""Numbers in, numbers out: paired resampling, tests, verdicts, fronts and cascades."""

from polyscale.stats.cascade import (
    CascadeAnswers,
    cascade_curve,
    choose_threshold,
    run_cascade,
)
from polyscale.stats.classification import (
    CLASS_METRICS,
    ClassAnswers,
    Reliability,
    class_metric,
    class_recalls,
    reliability,
)
from polyscale.stats.depth import DEPTH_METRICS, EIGEN_CROP_YXYX, depth_errors, depth_metrics
from polyscale.stats.equivalence import MARGIN, equivalence_p, score_interval
from polyscale.stats.frontier import (
    DominanceCall,
    Point,
    dominance_calls,
    dominates,
    interpolate_at_cost,
    pareto_front,
)
from polyscale.stats.hard import CrossFit, cross_fit, share_of_gain
from polyscale.stats.image_bootstrap import (
    REDUCTIONS,
    WeightedMetric,
    image_contrasts,
    image_intervals,
    mean_iou,
    mean_of_images,
    ratio_intervals,
    weighted_contrasts,
    weighted_intervals,
)
from polyscale.stats.intervals import accuracy_intervals, bootstrap_interval
from polyscale.stats.objects import ObjectIous, object_ious
from polyscale.stats.options import RightShare, answer_of, preferred
from polyscale.stats.paired import paired_contrasts
from polyscale.stats.power import images_to_differ, images_to_equate
from polyscale.stats.recommend import recommend
from polyscale.stats.repeats import split_interval, training_interval
from polyscale.stats.seeds import MIN_SEEDS, BothSpread, SeedSpread, over_both, over_seeds
from polyscale.stats.segmentation import (
    PixelCounts,
    class_iou,
    count_pixels,
    segmentation_metrics,
    share_or_nan,
    stack_counts,
)
from polyscale.stats.selection import (
    cheapest_of_the_best,
    paired_errors,
    selection_gaps,
    sweet_spots,
    sweet_spots_by_axis,
)
from polyscale.stats.size_bins import iou_by_size
from polyscale.stats.thresholds import THRESHOLDS, ThresholdErrors, threshold_errors
from polyscale.stats.trainings import (
    difference_over_both,
    training_contrasts,
    training_intervals,
)
from polyscale.stats.trial import holm
from polyscale.stats.unusual import UNUSUAL, Ambiguity, ambiguity, rarity
from polyscale.stats.verdict import corrected_contrasts, find_contrast, judge

__all__ = [
    "CLASS_METRICS",
    "DEPTH_METRICS",
    "EIGEN_CROP_YXYX",
    "MARGIN",
    "MIN_SEEDS",
    "REDUCTIONS",
    "THRESHOLDS",
    "UNUSUAL",
    "Ambiguity",
    "BothSpread",
    "CascadeAnswers",
    "ClassAnswers",
    "CrossFit",
    "DominanceCall",
    "ObjectIous",
    "PixelCounts",
    "Point",
    "Reliability",
    "RightShare",
    "SeedSpread",
    "ThresholdErrors",
    "WeightedMetric",
    "accuracy_intervals",
    "ambiguity",
    "answer_of",
    "bootstrap_interval",
    "cascade_curve",
    "cheapest_of_the_best",
    "choose_threshold",
    "class_iou",
    "class_metric",
    "class_recalls",
    "corrected_contrasts",
    "count_pixels",
    "cross_fit",
    "depth_errors",
    "depth_metrics",
    "difference_over_both",
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
    "iou_by_size",
    "judge",
    "mean_iou",
    "mean_of_images",
    "object_ious",
    "over_both",
    "over_seeds",
    "paired_contrasts",
    "paired_errors",
    "pareto_front",
    "preferred",
    "rarity",
    "ratio_intervals",
    "recommend",
    "reliability",
    "run_cascade",
    "score_interval",
    "segmentation_metrics",
    "selection_gaps",
    "share_of_gain",
    "share_or_nan",
    "split_interval",
    "stack_counts",
    "sweet_spots",
    "sweet_spots_by_axis",
    "threshold_errors",
    "training_contrasts",
    "training_interval",
    "training_intervals",
    "weighted_contrasts",
    "weighted_intervals",
]
