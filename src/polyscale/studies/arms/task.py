"""Classification on the features of backbones that were trained several times."""

from pathlib import Path
from typing import Any, ClassVar

from polyscale.records import Arms, write_json
from polyscale.tasks import Classification, FinishedRun
from polyscale.tasks.task import AddOn


class OverTrainings(Classification):
    """The accuracy of an image is the share of trainings whose heads are right on it."""

    right_or_wrong = False
    over_trainings = True
    statistics = ("accuracy",)
    images_file: ClassVar[str] = "images.parquet"
    files: ClassVar[tuple[str, ...]] = ("arms.json",)

    def __init__(self, arms: Arms) -> None:
        self.arms = arms

    def addons(self, settings: Any) -> tuple[AddOn, ...]:
        """No add-ons, because they apply to a single training only."""
        return ()

    def own_files(self) -> tuple[str, ...]:
        """Names of the files about the arms."""
        return self.files

    def write(self, folder: Path, run: FinishedRun) -> None:
        """Write each arm with its training cost and its spread over trainings."""
        write_json(folder / "arms.json", self.arms)
