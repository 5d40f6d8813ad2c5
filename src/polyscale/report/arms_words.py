"""The findings of the four arms of Table 4, in sentences."""

from polyscale.records import ArmContrast, Arms
from polyscale.report.run import Run


def arms_sentence(run: Run, arms: Arms, contrast: ArmContrast) -> str:
    """`“small, S² during pre-training” is ahead of …`, or that the question is open.

    The interval must cover both other images and other trainings.
    """
    about = {arm.candidate: arm.about for arm in arms.arms}
    first, second = about[contrast.first], about[contrast.second]
    found = run.words.finding(contrast.difference, contrast.both_low, contrast.both_high)
    is_clear = contrast.p_holm < 0.05 and (contrast.both_low > 0 or contrast.both_high < 0)
    verb = "is ahead of" if contrast.difference > 0 else "is behind"
    if not is_clear:
        return (
            f"Whether “{first}” differs from “{second}” is open: {found}; the interval covers "
            "other images and other trainings."
        )
    return (
        f"“{first}” {verb} “{second}” by {found}; the interval covers other images and other "
        "trainings."
    )


def arms_answers(run: Run) -> list[str]:
    """The same as lines of text."""
    if run.arms is None:
        return []
    return [arms_sentence(run, run.arms, contrast) for contrast in run.arms.contrasts]
