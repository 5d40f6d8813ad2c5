import shutil

import numpy as np
import pytest

from polyscale.data import load_classification
from polyscale.errors import InputError

WNIDS = {"fine": "n02012849", "medium": "n01440764", "coarse": "n03126707"}


@pytest.fixture
def root(image_folder, tmp_path):
    """Training images in class folders, two of each class for validation, flat."""
    root = tmp_path / "imagenet"
    (root / "val").mkdir(parents=True)
    for name, wnid in WNIDS.items():
        shutil.copytree(image_folder / name, root / "train" / wnid)
    for number in range(1, 7):
        wnid = sorted(WNIDS.values())[(number - 1) % 3]
        file = root / "train" / wnid / f"{number}.png"
        file.rename(root / "val" / f"ILSVRC2012_val_{number:08d}.png")
    return root


def solution(root):
    lines = [
        f"ILSVRC2012_val_{n:08d},{sorted(WNIDS.values())[(n - 1) % 3]} 1 2 3 4"
        for n in (3, 1, 2, 6, 5, 4)
    ]
    (root / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *lines]))


def check(root):
    data = load_classification(f"imagenet:{root}")
    assert len(data.class_names) == 3
    assert (len(data.train), len(data.test)) == (30, 6)
    by_name = dict(zip(data.test.ids, data.test.labels.tolist(), strict=True))
    assert [by_name[i] for i in sorted(by_name)] == [0, 1, 2, 0, 1, 2]
    return data


def test_flat_with_the_solution(root):
    solution(root)
    data = check(root)
    assert data.class_names == tuple(sorted(WNIDS.values()))
    assert data.about == "ImageNet's own train and val"


def test_readable_names(root):
    solution(root)
    (root / "LOC_synset_mapping.txt").write_text(
        "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane\n"
    )
    assert check(root).class_names == ("tench", "crane (n02012849)", "crane (n03126707)")


def test_flat_with_the_development_kit(root):
    """Its numbers are not in the order of WordNet's ids, and it lists parents too."""
    from scipy.io import savemat

    kit = root / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    order = ["n03126707", "n01440764", "n02012849", "n00000001"]
    synsets = np.zeros(4, dtype=[(k, object) for k in ("ILSVRC2012_ID", "WNID", "num_children")])
    for i, wnid in enumerate(order):
        synsets[i] = (i + 1, wnid, 3 if wnid == "n00000001" else 0)
    savemat(kit / "meta.mat", {"synsets": synsets})
    truth = [order.index(sorted(WNIDS.values())[i % 3]) + 1 for i in range(6)]
    file = kit / "ILSVRC2012_validation_ground_truth.txt"
    file.write_text("\n".join(map(str, truth)))
    check(root)
    file.write_text("\n".join(["4", *map(str, truth[1:])]))
    with pytest.raises(InputError, match="must hold class numbers of meta.mat"):
        check(root)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (b"1 2 drei 1 2 3", "must hold class numbers of meta.mat, but holds 'drei'"),
        (b"1 2 \xe9 1 2 3", "must be text in UTF-8, but cannot be read"),
        ("1 2 ³ 1 2 3".encode(), "must hold class numbers of meta.mat, but holds '³'"),
    ],
)
def test_a_development_kit_with_words(root, truth, message):
    from scipy.io import savemat

    synsets = np.zeros(3, dtype=[(k, object) for k in ("ILSVRC2012_ID", "WNID", "num_children")])
    for i, wnid in enumerate(sorted(WNIDS.values())):
        synsets[i] = (i + 1, wnid, 0)
    savemat(root / "meta.mat", {"synsets": synsets})
    (root / "ILSVRC2012_validation_ground_truth.txt").write_bytes(truth)
    with pytest.raises(InputError, match=message):
        check(root)


@pytest.mark.parametrize("content", [3, "words", np.zeros(2), {"WNID": ["a"]}, None])
def test_a_meta_file_that_is_another(root, content):
    from scipy.io import savemat

    (root / "ILSVRC2012_validation_ground_truth.txt").write_text("1")
    savemat(root / "meta.mat", {"other": 1} if content is None else {"synsets": content})
    with pytest.raises(InputError, match="synsets"):
        check(root)
    (root / "meta.mat").write_bytes(b"hello")
    with pytest.raises(InputError, match="must be a MATLAB file with synsets"):
        check(root)


def test_lists_in_latin_1(root):
    solution(root)
    (root / "LOC_synset_mapping.txt").write_bytes("n01440764 Müller".encode("latin-1"))
    with pytest.raises(InputError, match="class names .* must be text in UTF-8"):
        check(root)
    (root / "LOC_val_solution.csv").write_bytes("ImageId,é".encode("latin-1"))
    with pytest.raises(InputError, match="list .* must be text in UTF-8"):
        check(root)
    (root / "LOC_val_solution.csv").write_text(f"ImageId,{'x' * 200_000}")
    with pytest.raises(InputError, match="must be a table, but is not .field larger than"):
        check(root)


def test_validation_in_class_folders(root):
    for i, file in enumerate(sorted((root / "val").iterdir())):
        folder = root / "val" / sorted(WNIDS.values())[i % 3]
        folder.mkdir(exist_ok=True)
        file.rename(folder / file.name)
    data = load_classification(f"imagenet:{root}?per_class=4")
    assert np.bincount(data.train.labels).tolist() == [4, 4, 4]
    assert np.bincount(data.test.labels).tolist() == [2, 2, 2]


def test_the_layout_of_kaggle(root, tmp_path):
    solution(root)
    outer = tmp_path / "kaggle"
    inside = outer / "ILSVRC" / "Data" / "CLS-LOC"
    inside.mkdir(parents=True)
    for name in ("train", "val"):
        (root / name).rename(inside / name)
    (root / "LOC_val_solution.csv").rename(outer / "LOC_val_solution.csv")
    check(outer)


def test_errors(root, tmp_path):
    def refused(match, path=root):
        with pytest.raises(InputError, match=match):
            load_classification(f"imagenet:{path}")

    refused("has no train", tmp_path / "none")
    refused("need LOC_val_solution.csv or the development kit")
    solution(root)
    (root / "val" / "ILSVRC2012_val_00000007.png").write_bytes(b"")
    refused("ILSVRC2012_val_00000007.png has none")
    shutil.rmtree(root / "val")
    refused("has no val")
    (root / "val" / "n09999999").mkdir(parents=True)
    shutil.copy(root / "train" / "n01440764" / "0.png", root / "val" / "n09999999")
    refused("class 'n09999999' is in val/ but not in train/")
    shutil.rmtree(root / "train")
    (root / "train").mkdir()
    refused("must have class folders such as")
