"""The shape of a backbone as transformers' heads read it. Imports transformers."""

from typing import Any

from transformers import PretrainedConfig

STAGES = {
    "pyramid": ("stage1", "stage2", "stage3", "stage4"),
    "map": ("stage1",),
    "tokens": ("stage1", "stage2", "stage3", "stage4"),
}


class PolyscaleBackboneConfig(PretrainedConfig):  # type: ignore[misc]
    """What a head must know to be built; goes to JSON and back.

    Attributes:
        form: see `BackboneForm`.
        hidden_size: channels of every map.
        patch_size: px of the image a cell of the grid that a head on tokens expects.
        stage_names: of the maps.
        out_features: of the maps that are given, which is all.
    """

    model_type = "polyscale"

    def __init__(
        self, form: str = "pyramid", hidden_size: int = 1, patch_size: int = 16, **options: Any
    ) -> None:
        self.form = form
        self.hidden_size = hidden_size
        self.patch_size = patch_size
        self.stage_names = list(STAGES[form])
        self.out_features = list(STAGES[form])
        super().__init__(**options)
