"""What the page says about measured times: how they were measured, and whether to trust them."""

from collections.abc import Iterable, Sequence
from math import expm1

from polyscale.records import Turns
from polyscale.report.numbers import NBSP, ratio
from polyscale.report.run import Run

NO_TIME_VERDICT = "Nothing is concluded about time, because other work disturbed its measurement."


def time_note(run: Run) -> str:
    """How time was measured, or why nothing is concluded from it; empty for older runs."""
    if not any(result.latency_ms for result in run.results):
        return "Time and memory were not measured in this run."
    turns = [result.turns for result in run.results if result.turns]
    if not turns:
        return ""
    facts = "; ".join(_facts(turns))
    if any(one.is_disturbed for one in turns):
        return (
            f"Other work on this machine disturbed the measurement of time: {facts}. So the times "
            "are rough, and nothing is concluded from them. Run the same again with another --out "
            "on a quiet machine: only the costs are measured anew."
        )
    if len({result.turns and result.turns.session for result in run.results}) > 1:
        return (
            "These times were not measured together, so they are not compared. A single run of "
            "all candidates measures them in turns."
        )
    return (
        f"Times were measured in {len(turns[0].latency_ms)} turns of all candidates: {facts}. An "
        "interval of a ratio of times covers repeated measurements on this machine, not other "
        "machines."
    )


def _facts(turns: Sequence[Turns]) -> Iterable[str]:
    """The worst of all candidates by each sign of a disturbance, and the threads."""
    shares = [one.cpu_share for one in turns if one.cpu_share is not None]
    if shares:
        yield (
            f"with one thread, a processor core worked for the model at least "
            f"{100 * min(shares):.0f}{NBSP}% of the time"
        )
    spread = expm1(max(one.spread for one in turns))
    yield f"from turn to turn times varied by up to {100 * spread:.0f}{NBSP}%"
    slowdowns = [one.slowdown for one in turns if one.slowdown is not None]
    if slowdowns:
        yield f"a tile took up to {ratio(max(slowdowns))} as long as while features were extracted"
    threads = {one.threads for one in turns if one.threads is not None}
    if len(threads) > 1:
        yield f"each time is the faster of one thread and {max(threads)}"
    elif threads:
        number = threads.pop()
        yield f"all were fastest with {'one thread' if number == 1 else f'{number} threads'}"
