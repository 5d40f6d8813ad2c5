"""Results → one self-contained HTML page and a picture of the curves. Never runs a model."""

from polyscale.report.write import Written, draw_report, read_answers, write_report

__all__ = ["Written", "draw_report", "read_answers", "write_report"]
