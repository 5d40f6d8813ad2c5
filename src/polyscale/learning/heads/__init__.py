"""What is trained on frozen features: probes here, heads for every pixel in `dense`."""

from polyscale.learning.heads.linear_head import LinearHead
from polyscale.learning.heads.linear_probe import (
    FewShot,
    PaperSettings,
    Protocol,
    few_shot,
    fit_paper_probe,
    probe,
)
from polyscale.learning.heads.logistic import fit_logistic_probe
from polyscale.learning.heads.neighbours import KnnResult, fit_knn
from polyscale.learning.heads.probe_data import ProbeResult
from polyscale.learning.heads.ridge import (
    Linear,
    Moments,
    RidgeScreen,
    accumulate,
    residual_products,
    ridge_error,
    ridge_path,
    screen_ridge,
    total,
)

__all__ = [
    "FewShot",
    "KnnResult",
    "Linear",
    "LinearHead",
    "Moments",
    "PaperSettings",
    "ProbeResult",
    "Protocol",
    "RidgeScreen",
    "accumulate",
    "few_shot",
    "fit_knn",
    "fit_logistic_probe",
    "fit_paper_probe",
    "probe",
    "residual_products",
    "ridge_error",
    "ridge_path",
    "screen_ridge",
    "total",
]
