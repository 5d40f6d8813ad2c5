"""The four arms of Table 4: what each costs to train and to run, and how it does over trainings."""

from dataclasses import dataclass

from polyscale.records.codec import NotNegative, PositiveCount, Record, Share, check_lengths


@dataclass(frozen=True, kw_only=True)
class Arm(Record):
    """A backbone that was trained several times, at the scales at which it is then used.

    Attributes:
        candidate: backbone and scales.
        about: what it is, in words.
        train_scales: at which it saw images while it was trained.
        train_macs: multiply-adds of one training, `train_images` images in all.
        train_loss: mean loss of the last tenth of the steps, of each training.
        use_macs: multiply-adds for one image in use.
        values: accuracy of each training, on all test images.
        mean: of the values; `ci_low` and `ci_high` are the ends of its 95 % interval over test
            images.
        seed_std: standard deviation between trainings.
    """

    candidate: str
    about: str
    train_scales: tuple[float, ...]
    train_macs: PositiveCount
    train_images: PositiveCount
    train_loss: tuple[float, ...]
    use_macs: PositiveCount
    values: tuple[Share, ...]
    mean: Share
    ci_low: Share
    ci_high: Share
    seed_std: NotNegative


@dataclass(frozen=True, kw_only=True)
class ArmContrast(Record):
    """The first of two arms less the second, in accuracy.

    Attributes:
        differences: of each training, on all test images.
        difference: their mean; `ci_low` and `ci_high` are the ends of its 95 % interval over test
            images, as if other trainings gave the same.
        seed_std: standard deviation between trainings.
        both_low: lower end of the 95 % interval over test images and trainings; `both_high` is the
            upper end.
        p_value: two-sided, that the difference is zero, over test images and trainings; `p_holm` is
            corrected over all contrasts.
    """

    first: str
    second: str
    differences: tuple[float, ...]
    difference: float
    ci_low: float
    ci_high: float
    seed_std: NotNegative
    both_low: float
    both_high: float
    p_value: Share
    p_holm: Share


@dataclass(frozen=True, kw_only=True)
class Arms(Record):
    """The content of `arms.json`.

    Attributes:
        num_pretrain: images on which backbones were trained.
        num_probe: other images, from which heads learned.
        epochs: of each training of a backbone.
        arms: base, base with S² afterwards, larger, base with S² while it was trained.
        contrasts: during less after, during less larger, after less base.
    """

    num_pretrain: PositiveCount
    num_probe: PositiveCount
    epochs: NotNegative
    arms: tuple[Arm, ...]
    contrasts: tuple[ArmContrast, ...]

    def __post_init__(self) -> None:
        values = (arm.values for arm in self.arms)
        check_lengths(*values, *(contrast.differences for contrast in self.contrasts))
