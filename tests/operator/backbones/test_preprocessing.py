"""Mean, standard deviation and size, held against what each library does to a picture itself."""

import json

import numpy as np
import open_clip
import pytest
import timm
import torch
import torchvision
import transformers as hf
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

import polyscale
from polyscale.errors import InputError
from polyscale.operator.backbones import ReadOptions, as_backbone
from polyscale.operator.backbones.preprocessing import Preprocessing, hw_of, read_preprocessing
from polyscale.operator.backbones.torchvision_models import adapt_torchvision

GREYS = (0, 51, 255)


def prepared(transform):
    """What a transform makes of three pictures of one colour each, at their centre."""
    pictures = [Image.fromarray(np.full((300, 400, 3), grey, np.uint8)) for grey in GREYS]
    tensors = [transform(picture) for picture in pictures]
    height, width = tensors[0].shape[-2:]
    return (height, width), torch.stack([t[:, height // 2, width // 2] for t in tensors])


def agrees(mean, std, tile_hw, transform):
    size, expected = prepared(transform)
    assert tile_hw == size
    pixels = torch.tensor(GREYS)[:, None] / 255
    torch.testing.assert_close((pixels - torch.tensor(mean)) / torch.tensor(std), expected)


def agrees_with(backbone, transform):
    agrees(backbone.mean, backbone.std, backbone.tile_hw, transform)


def as_transform(processor):
    return lambda picture: processor(picture, return_tensors="pt")["pixel_values"][0]


VISION = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION |= {"intermediate_size": 32, "image_size": 32, "patch_size": 8}
SIZE = {"size": {"height": 32, "width": 32}}
PROCESSORS = {
    "CLIP": hf.CLIPImageProcessor,
    "SigLIP": hf.SiglipImageProcessor,
    "ConvNeXt": hf.ConvNextImageProcessor,
    "ViT": hf.ViTImageProcessor,
    "LeViT": hf.LevitImageProcessor,
    "BiT": hf.BitImageProcessor,
    "OWLv2": hf.Owlv2ImageProcessor,
    "DPT": hf.DPTImageProcessor,
    "EfficientNet, normed twice": hf.EfficientNetImageProcessor,
    "EfficientNet, with an offset": lambda: hf.EfficientNetImageProcessor(
        rescale_factor=1 / 127.5, rescale_offset=True, include_top=False
    ),
    "not normed": lambda: hf.ViTImageProcessor(do_normalize=False),
    "not rescaled": lambda: hf.ViTImageProcessor(
        do_rescale=False, image_mean=[120.0] * 3, image_std=[60.0] * 3
    ),
}


@pytest.mark.parametrize("form", ["object", "configuration"])
@pytest.mark.parametrize("name", PROCESSORS)
def test_image_processors_of_transformers(name, form):
    processor = PROCESSORS[name]()
    found = read_preprocessing(processor if form == "object" else processor.to_dict())
    agrees(found.mean, found.std, found.tile_hw, as_transform(processor))


def test_blue_first_has_no_mean():
    found = read_preprocessing(hf.MobileViTImageProcessor())
    assert found == Preprocessing(tile_hw=(256, 256))


MODELS = {
    "CLIP": (lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**VISION)), hf.CLIPImageProcessor),
    "SigLIP": (
        lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**VISION)),
        hf.SiglipImageProcessor,
    ),
    "ResNet": (
        lambda: hf.ResNetModel(
            hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1])
        ),
        hf.ConvNextImageProcessor,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_transformers_folder(name, tmp_path):
    build, make = MODELS[name]
    sizes = SIZE | {"crop_size": {"height": 32, "width": 32}}
    processor = make(**sizes, image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6])
    if name == "ResNet":
        processor = make(size={"shortest_edge": 384}, image_mean=[0.1, 0.2, 0.3])
    build().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    owner = hf.AutoImageProcessor.from_pretrained(tmp_path)
    agrees_with(polyscale.load(f"hf:{tmp_path}"), as_transform(owner))


CHECKPOINT = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "input_size": [3, 192, 192]}


def test_timm_checkpoint_read_by_transformers(tmp_path):
    """The checkpoint's own configuration goes before that of its architecture."""
    config = hf.TimmWrapperConfig(architecture="test_resnet", pretrained_cfg=CHECKPOINT)
    hf.TimmWrapperModel(config).save_pretrained(tmp_path)
    owner = hf.AutoImageProcessor.from_pretrained(tmp_path)
    backbone = polyscale.load(f"hf:{tmp_path}")
    agrees_with(backbone, as_transform(owner))
    assert (backbone.tile_hw, backbone.mean) == ((192, 192), (0.1, 0.2, 0.3))
    live = as_backbone(hf.AutoModel.from_pretrained(tmp_path))
    assert (live.tile_hw, live.mean, live.std) == (backbone.tile_hw, backbone.mean, backbone.std)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("test_vit", {}),
        ("test_convnext", {}),
        ("test_resnet", {"pretrained_cfg_overlay": CHECKPOINT}),
        ("test_resnet", {"features_only": True}),
        ("swin_tiny_patch4_window7_224", {"features_only": True}),
        ("test_vit", {"features_only": True}),
    ],
)
def test_timm(name, options):
    model = timm.create_model(name, **options)
    backbone = as_backbone(model)
    agrees_with(backbone, create_transform(**resolve_model_data_config(model)))


def test_timm_backbone_of_transformers():
    config = hf.TimmBackboneConfig(backbone="test_resnet", use_pretrained_backbone=False)
    model = hf.TimmBackbone(config)
    owner = create_transform(**resolve_model_data_config(model._backbone))
    agrees_with(as_backbone(model), owner)


TEXT = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
TOWERS = {
    "ViT": {"image_size": 48, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16},
    "ResNet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16},
    "ConvNeXt of timm": {
        "timm_model_name": "test_convnext",
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": 256,
    },
    "ViT of timm": {"timm_model_name": "test_vit", "timm_pool": "", "image_size": 192},
}


@pytest.mark.parametrize("name", TOWERS)
def test_open_clip(name, tmp_path):
    config = {"embed_dim": 16, "vision_cfg": TOWERS[name], "text_cfg": TEXT}
    (tmp_path / f"tiny_{len(name)}.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / f"tiny_{len(name)}.json")
    model = open_clip.create_model(f"tiny_{len(name)}", pretrained_text=False)
    owner = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    agrees_with(as_backbone(model), owner)
    # what it gives out as its preprocessing can be handed over as well
    found = read_preprocessing(owner)
    agrees(found.mean, found.std, found.tile_hw, owner)


@pytest.mark.parametrize(
    "name", ["ResNet18_Weights", "ViT_B_16_Weights", "EfficientNet_B1_Weights"]
)
def test_torchvision(name):
    weights = getattr(torchvision.models, name).DEFAULT
    owner = weights.transforms()
    source = f"torchvision:{name.removesuffix('_Weights').lower()}"
    agrees_with(polyscale.load(source, weights=False), owner)


def test_torchvision_live_with_its_transforms():
    owner = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    model = torchvision.models.resnet18()
    agrees_with(as_backbone(model, ReadOptions(processor=owner)), owner)
    agrees_with(adapt_torchvision(model, transforms=owner), owner)


GIVEN = {
    "numbers": {"mean": (0.1, 0.2, 0.3), "std": np.array([0.4, 0.5, 0.6])},
    "processor": {
        "processor": hf.CLIPImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6])
    },
    "processor's configuration": {
        "processor": {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    },
    "timm's configuration": {"processor": CHECKPOINT},
    "transform": {
        "processor": torchvision.transforms.Compose(
            [torchvision.transforms.Normalize([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])]
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("form", GIVEN)
def test_the_user_goes_before_the_model(form):
    backbone = as_backbone(timm.create_model("test_vit"), ReadOptions(**GIVEN[form]))
    assert backbone.mean == pytest.approx((0.1, 0.2, 0.3))
    assert backbone.std == pytest.approx((0.4, 0.5, 0.6))
    assert backbone.tile_hw == (160, 160)


def test_mean_of_other_channels_is_unknown():
    model = timm.create_model("test_resnet", in_chans=5)
    assert as_backbone(model).mean is None
    given = ReadOptions(mean=[0.5] * 5, std=[0.2] * 5)
    assert as_backbone(model, given).mean == (0.5,) * 5
    with pytest.raises(InputError, match="for each of the 5 channels of timm:test_resnet, but ha"):
        as_backbone(model, ReadOptions(mean=(0.5,) * 3, std=(0.2,) * 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (0.5,) * 3}, "mean and std must be given together"),
        ({"std": (0.5,) * 3}, "mean and std must be given together"),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 2}, "but have 3 and 2"),
        ({"mean": (), "std": ()}, "but have 0 and 0"),
        ({"mean": (0.5,) * 3, "std": (0.5, 0, 0.5)}, "std must be positive|std positive"),
        ({"mean": (0.5, float("nan"), 0.5), "std": (0.5,) * 3}, "must be finite"),
        ({"mean": "abc", "std": (0.5,) * 3}, "mean must be a number for each channel"),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3, "in_channels": 4}, "each of 4 channels"),
        ({"processor": {}}, "or a processor that has both"),
        ({"processor": CHECKPOINT, "mean": (0.5,) * 3}, "either mean and std or a processor"),
        ({"in_channels": 0}, "in_channels must be at least 1, but got 0"),
        ({"layers": 1.5}, "layers must be whole numbers, but got 1.5"),
        ({"num_prefix": 1.5}, "num_prefix must be at least 0, but got 1.5"),
    ],
)
def test_options_are_checked_before_a_model_is_loaded(options, message):
    with pytest.raises(InputError, match=message):
        ReadOptions(**options)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (224, (224, 224)),
        ((224,), (224, 224)),
        ([192, 256], (192, 256)),
        ({"height": 192, "width": 256}, (192, 256)),
        ({"shortest_edge": 224}, (224, 224)),
        ({"longest_edge": 224}, None),
        (None, None),
        ((1, 2, 3), None),
    ],
)
def test_sizes_in_every_form(size, expected):
    assert hw_of(size) == expected
