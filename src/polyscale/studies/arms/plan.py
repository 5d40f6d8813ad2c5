"""The first half of the study: reads and checks data and models, and trains nothing."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyscale.data import ClassificationData, load_classification
from polyscale.errors import InputError
from polyscale.learning.pretraining.model import build_backbone
from polyscale.operator.backbones import ModelBackbone
from polyscale.studies.arms.halves import divide
from polyscale.studies.arms.settings import BASE, LARGER, ArmsSettings
from polyscale.studies.arms.task import OverTrainings
from polyscale.studies.run_folder import FILES
from polyscale.types import Progress, silent


@dataclass(frozen=True, kw_only=True)
class ArmsPlan:
    """What is trained and compared.

    Attributes:
        settings: of the trainings.
        pretrain_data: has the training images of backbones.
        probe_data: has the training images of heads, and the test images.
        notes: warnings for the user, as sentences.
    """

    settings: ArmsSettings
    pretrain_data: ClassificationData
    probe_data: ClassificationData
    notes: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """The seed of the split of training images, of folds and of resampling."""
        return self.settings.base.seed

    @property
    def data(self) -> ClassificationData:
        """The data that the arms are compared on."""
        return self.probe_data

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of the comparison."""
        return (*FILES, OverTrainings.images_file, *OverTrainings.files)

    @property
    def facts(self) -> dict[str, Any]:
        """Settings and data of the study, as each row of its results keeps them."""
        return {
            "arms": asdict(self.settings),
            "data": self.probe_data.name,
            "split": self.probe_data.about,
            "pretrain_fingerprint": self.pretrain_data.train.fingerprint,
            "train_fingerprint": self.probe_data.train.fingerprint,
            "test_fingerprint": self.probe_data.test.fingerprint,
            "data_notes": list(self.probe_data.notes),
            "source": self.settings.base.source,
            "seed": self.seed,
        }


def plan_arms(
    data: str | ClassificationData,
    settings: ArmsSettings,
    *,
    image_cache: str | Path | None = None,
    progress: Progress = silent,
) -> ArmsPlan:
    """Read and check data and models.

    Args:
        data: images with classes, or their source as `load_classification` takes it.
        settings: of the arms.
        image_cache: folder that keeps what was found in images for later runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule, or a class has too few images.
        MissingExtraError: if a package is not installed.
    """
    trainings = settings.trainings(0)
    base, larger = (build_backbone(trainings[name]) for name in (BASE, LARGER))
    for backbone in (base, larger):
        if backbone.in_channels != 3:
            raise InputError(
                f"models must take RGB images, as polyscale compare does, but {backbone.name} "
                f"takes {backbone.in_channels} channels. Leave in_chans out."
            )
    if base.tile_hw != larger.tile_hw:
        raise InputError(
            f"larger must have tiles of {base.tile_hw} like base, so that both see the same, "
            f"but has {larger.tile_hw}. Change img_size."
        )
    if isinstance(data, str):
        data = load_classification(
            data, seed=settings.base.seed, cache=image_cache, progress=progress
        )
    pretrain_data, probe_data = divide(data, settings.share, seed=settings.base.seed)
    if settings.base.batch > len(pretrain_data.train):
        raise InputError(
            f"batch must be at most the number of images to train backbones on, "
            f"{len(pretrain_data.train)}, but got {settings.base.batch}. Lower it, or add images."
        )
    notes = []
    if _num_params(larger) <= _num_params(base):
        notes.append(
            f"The larger model has {_num_params(larger):,} parameters, no more than the "
            f"{_num_params(base):,} of the base model."
        )
    return ArmsPlan(
        settings=settings,
        pretrain_data=pretrain_data,
        probe_data=probe_data,
        notes=tuple(notes),
    )


def _num_params(backbone: ModelBackbone) -> int:
    return sum(parameter.numel() for parameter in backbone.parameters())
