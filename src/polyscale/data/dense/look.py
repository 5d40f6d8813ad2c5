"""Images beside their targets: which pairs can be used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dense.listing import DenseListing
from polyscale.data.dense.target_inspection import TargetFacts, TargetKind, inspect_targets
from polyscale.data.inspection import Progress, inspect
from polyscale.data.inspection_cache import ImageFacts, InspectionCache
from polyscale.data.report import Unreadable
from polyscale.errors import InputError


@dataclass(frozen=True)
class Looked:
    """The usable images of a listing, what is known of each, and the others.

    Attributes:
        listing: the usable ones.
        images: facts about them.
        targets: facts about their targets.
        unreadable: images that cannot be read, or whose targets cannot.
        remarks: what the user should know, as sentences.
    """

    listing: DenseListing
    images: tuple[ImageFacts, ...]
    targets: tuple[TargetFacts, ...]
    unreadable: tuple[Unreadable, ...] = ()
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.listing)

    @property
    def lost(self) -> tuple[str, ...]:
        """Why images were left out, an example of each kind."""
        return (*(f"{u.id}: {u.reason}" for u in self.unreadable[:1]), *self.remarks)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> "Looked":
        """Some of the usable images, without what was left out."""
        return Looked(
            self.listing.take(indices),
            tuple(self.images[int(i)] for i in indices),
            tuple(self.targets[int(i)] for i in indices),
        )


def look(
    listing: DenseListing,
    kind: TargetKind,
    check: Callable[[str, TargetFacts], bool],
    cache: InspectionCache,
    step: str,
    progress: Progress,
) -> Looked:
    """Look at images and targets.

    Args:
        listing: what to look at.
        kind: masks or depth maps.
        check: name and facts of a target → whether any pixel of it counts.
        cache: what earlier runs found.
        step: how progress calls it, in front of what is looked at.
        progress: told what is being done.

    Raises:
        InputError: if a target has not the size of its image, or `check` refuses it.
    """
    images = inspect(listing.images, cache=cache, step=f"{step}images", progress=progress)
    targets = inspect_targets(
        listing.targets, kind, cache=cache, step=f"{step}{kind.word}s", progress=progress
    )
    good: list[tuple[int, ImageFacts, TargetFacts]] = []
    unreadable, empty = [], []
    for i, (image, target) in enumerate(zip(images, targets, strict=True)):
        image_id, target_id = listing.images.ids[i], listing.targets.ids[i]
        if isinstance(image, str):
            unreadable.append(Unreadable(image_id, "", image))
        elif isinstance(target, str):
            unreadable.append(Unreadable(image_id, "", f"its {kind.word} {target_id}: {target}"))
        elif image.image_hw != target.target_hw:
            raise _other_size(kind.word, image_id, image, target_id, target)
        elif check(target_id, target):
            good.append((i, image, target))
        else:
            empty.append(image_id)
    remarks = (f"Images whose {kind.word} has no pixel that counts, left out: {len(empty)}, "
               f"for example {empty[0]}.",) if empty else ()  # fmt: skip
    return Looked(
        listing.take([i for i, _, _ in good]),
        tuple(image for _, image, _ in good),
        tuple(target for _, _, target in good),
        tuple(unreadable),
        remarks,
    )


def _other_size(
    word: str, image_id: str, image: ImageFacts, target_id: str, target: TargetFacts
) -> InputError:
    (height, width), (target_height, target_width) = image.image_hw, target.target_hw
    return InputError(
        f"{word} {target_id} must have the size of its image {image_id} ({width}×{height} px "
        f"upright), but has {target_width}×{target_height} px. Resize it with nearest neighbours, "
        "or check that the two belong together."
    )
