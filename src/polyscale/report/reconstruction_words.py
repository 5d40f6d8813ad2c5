"""What a reconstruction found, in words."""

from polyscale.records import Reconstruction, ReconstructionRow
from polyscale.report.numbers import LEVEL, MINUS, percent
from polyscale.report.run import Run

QUESTION = "What does the larger model have that smaller ones lack?"


def is_reconstruction(run: Run) -> bool:
    """Whether the run compares nothing else: its target is then not one of the candidates."""
    found = run.reconstruction
    return found is not None and found.target not in run.rows


def reconstruction_sentences(run: Run) -> list[str]:
    """The best candidate and its share of the upper bound; or why there is no reconstruction."""
    found = run.reconstruction
    if found is None:
        reasons = [row.settings.get("reconstruction_left_out") for row in run.results]
        return [f"The larger model was not reconstructed: {reasons[0]}"] if reasons[0] else []
    rows = found.of("test")
    others = [row for name, row in rows.items() if name != found.upper] or list(rows.values())
    best = max(others, key=lambda row: row.info_bits)
    left = percent(best.loss / best.loss_constant)
    said = [
        f"A linear map from the features of {run.names[best.candidate]} gives {_bits(best)} of "
        f"information about those of {target_name(run, found)} on {found.num_images[1]} test "
        f"images: its loss is {left} of that of the best constant."
    ]
    if found.upper is None:
        said.append(
            "There is no upper bound, so it is not known how much of that any linear map could "
            "find. An upper bound is a model with more capacity than the target."
        )
    elif best.ratio is not None and best.ratio_low is not None and best.ratio_high is not None:
        interval = f"{LEVEL} interval {percent(best.ratio_low)} to {percent(best.ratio_high)}"
        said.append(
            f"That is {percent(best.ratio)} ({interval}) of the information that "
            f"{run.names[found.upper]}, the upper bound, gives."
        )
    return [*said, *found.notes]


def target_name(run: Run, found: Reconstruction) -> str:
    """The target's short name if it is a candidate of the run, or else its name without scheme."""
    source, _, scales = found.target.rpartition("@")
    short = source.partition(":")[2] or source
    name = short if scales == "1" else f"{short} @ {scales}"
    return run.names.get(found.target, name)


def interval_text(low: float, high: float, digits: int = 3) -> str:
    """`0.496 to 0.561`: both ends of an interval."""
    return f"{low:.{digits}f} to {high:.{digits}f}".replace("-", MINUS)


def _bits(row: ReconstructionRow) -> str:
    interval = interval_text(row.info_low, row.info_high)
    return f"{row.info_bits:.3f} bits ({LEVEL} interval {interval})".replace("-", MINUS)
