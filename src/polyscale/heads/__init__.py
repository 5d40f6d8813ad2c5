"""What is trained on frozen features: probes here, heads for every pixel in `dense`."""

from polyscale.heads.linear_probe import (
    FewShot,
    PaperSettings,
    Protocol,
    few_shot,
    fit_paper_probe,
    paper_seed_accuracies,
    probe,
)
from polyscale.heads.logistic import fit_logistic_probe
from polyscale.heads.neighbours import KnnResult, fit_knn
from polyscale.heads.probe_data import ProbeResult
from polyscale.heads.ridge import (
    Moments,
    RidgeScreen,
    accumulate,
    ridge_error,
    ridge_path,
    screen_ridge,
    total,
)

__all__ = [
    "FewShot",
    "KnnResult",
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
    "paper_seed_accuracies",
    "probe",
    "ridge_error",
    "ridge_path",
    "screen_ridge",
    "total",
]
