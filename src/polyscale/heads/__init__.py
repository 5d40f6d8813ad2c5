"""What is trained on frozen features."""

from polyscale.heads.logistic import ProbeResult, fit_logistic_probe

__all__ = ["ProbeResult", "fit_logistic_probe"]
