"""Results → one self-contained HTML page and a picture of the curves. Never runs a model."""

from polyscale.report.write import read_answers, write_report

__all__ = ["read_answers", "write_report"]
