"""Results → one self-contained HTML page and a picture of the curves. Never runs a model."""

from polyscale.report.write import (
    Written,
    check_page,
    draw_report,
    read_answers,
    write_look,
    write_report,
)

__all__ = ["Written", "check_page", "draw_report", "read_answers", "write_look", "write_report"]
