"""What is trained on frozen features."""

from polyscale.heads.few_shot import FewShot, few_shot
from polyscale.heads.knn import KnnResult, fit_knn
from polyscale.heads.lda import fit_lda
from polyscale.heads.logistic import fit_logistic_probe
from polyscale.heads.moments import Moments, accumulate, total
from polyscale.heads.paper import PaperSettings, fit_paper_probe, paper_seed_accuracies
from polyscale.heads.probe import Protocol, probe
from polyscale.heads.result import ProbeResult
from polyscale.heads.ridge import RidgeScreen, ridge_error, ridge_path, screen_ridge

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
    "fit_lda",
    "fit_logistic_probe",
    "fit_paper_probe",
    "paper_seed_accuracies",
    "probe",
    "ridge_error",
    "ridge_path",
    "screen_ridge",
    "total",
]
