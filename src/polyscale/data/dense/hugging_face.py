"""`hf:NAME` and `hf:PATH` with a column of masks or depth maps."""

from collections.abc import Mapping
from typing import Any

from polyscale.data.dense.listing import DenseCatalogue, DenseListing, NamedFiles
from polyscale.data.hf_columns import find_image, find_target
from polyscale.data.hugging_face import contents, load_splits
from polyscale.data.splits import assign_roles
from polyscale.errors import require


def list_hugging_face_pairs(name: str, role: str, options: Mapping[str, str]) -> DenseCatalogue:
    """The images and targets of a data set.

    Args:
        name: as in `list_hugging_face`.
        role: `mask` or `depth`.
        options: `image` and the role, the columns; `train` and `test`, the splits; `config`.

    Raises:
        InputError: if there is no such data, or its columns or splits leave a choice.
        MissingExtraError: if `datasets` is not installed.
        RunError: if the hub cannot be reached.
    """
    require("datasets", extra="datasets", feature=f"hf:{name}")
    splits = load_splits(name, options.get("config"))
    where = f"data hf:{name}"
    features = next(iter(splits.values())).features
    image = find_image(features, options.get("image"), where)
    target = find_target(features, role, options.get(role), image, where)
    roles = assign_roles(splits, where=where, train=options.get("train"), test=options.get("test"))

    def of(key: str) -> DenseListing:
        split: Any = splits[key]
        ids = tuple(f"{key}/{i}" for i in range(len(split)))
        return DenseListing(
            NamedFiles(ids, contents(split, image)), NamedFiles(ids, contents(split, target))
        )

    test = None if roles.test is None else of(roles.test)
    return DenseCatalogue(of(roles.train), test, roles.about)
