"""Two candidates on the same images."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyscale.records.codec import Count, Positive, PositiveCount, Record, Share
from polyscale.records.metric import better_sign


@dataclass(frozen=True, kw_only=True)
class Contrast(Record):
    """Two candidates on the same test images.

    Differences, intervals and margin are in the metric's own unit: 0.01 of accuracy is one
    percentage point.

    Attributes:
        first: a candidate.
        second: another.
        metric: what is compared.
        higher_is_better: False if the metric is an error.
        difference: metric of the first less metric of the second.
        ci_low: lower end of the 95 % paired-bootstrap interval of the difference.
        ci_high: its upper end.
        ci90_low: lower end of the 90 % interval, which a test of equivalence at 5 % asks for.
        ci90_high: its upper end.
        only_first: test images that only the first gets right; None for metrics without right
            and wrong.
        only_second: test images that only the second gets right.
        p_value: that they differ, two-sided, not corrected: McNemar's exact test for accuracy.
        p_holm: the same, corrected by Holm over the contrasts that verdicts are drawn from; None
            for contrasts that no verdict is drawn from.
        margin: a difference below it counts as none.
        p_equivalence: that the difference is within the margin (two one-sided score tests), not
            corrected.
        p_equivalence_holm: the same, corrected as `p_holm`.
        num_test: test images.
    """

    first: str
    second: str
    metric: str
    higher_is_better: bool = True
    difference: float
    ci_low: float
    ci_high: float
    ci90_low: float
    ci90_high: float
    only_first: Count | None
    only_second: Count | None
    p_value: Share
    p_holm: Share | None = None
    margin: Positive
    p_equivalence: Share
    p_equivalence_holm: Share | None = None
    num_test: PositiveCount

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1

    def turned(self) -> "Contrast":
        """The same two candidates with the second one first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=-self.difference,
            ci_low=-self.ci_high,
            ci_high=-self.ci_low,
            ci90_low=-self.ci90_high,
            ci90_high=-self.ci90_low,
            only_first=self.only_second,
            only_second=self.only_first,
        )

    @classmethod
    def completed(cls, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Older rows do not say which way is better."""
        return {"higher_is_better": better_sign(str(row.get("metric"))) > 0, **row}
