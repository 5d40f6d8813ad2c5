from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from polyscale.errors import InputError
from polyscale.learning.pretraining.dino import Dino
from polyscale.learning.pretraining.model import at_scales, build_backbone
from polyscale.learning.pretraining.supervised import Supervised
from polyscale.learning.pretraining.views import PretrainBatch

MEANT = pytest.mark.filterwarnings("ignore:.*batch norms that use the statistics")


def batch(num=4, views=1, side=32, step=0):
    generator = torch.Generator().manual_seed(step)
    images = torch.rand(num, views, 3, side, side, generator=generator)
    return PretrainBatch(step, images, torch.arange(num) % 3)


def supervised(settings, **changes):
    chosen = settings(**changes)
    torch.manual_seed(0)
    return Supervised(at_scales(build_backbone(chosen), chosen), chosen, 3).train()


def dino(settings, **changes):
    pytest.importorskip("lightly")
    chosen = settings(**{"method": "dino", "scales": (1, 2), **changes})
    torch.manual_seed(0)
    backbone = build_backbone(chosen)
    teacher = at_scales(deepcopy(backbone), chosen, frozen=True)
    return Dino(at_scales(backbone, chosen), teacher, chosen, steps=10).train()


def gradients(module):
    return {n: p.grad for n, p in module.named_parameters() if p.grad is not None}


@MEANT
@pytest.mark.parametrize("model", ["vit", "resnet"])
def test_one_scale_is_a_plain_step_of_timm(settings, model):
    changes = {"model": "resnet10t", "model_args": {}, "tile_px": 32} if model == "resnet" else {}
    learner, given = supervised(settings, **changes), batch()
    backbone, classify = deepcopy((learner.student.backbone.model, learner.classify))
    loss = learner(given)
    loss.backward()
    features = backbone.forward_features(given.views[:, 0])
    if model == "vit":
        pooled = torch.cat([features[:, 0], features[:, 1:].mean(1)], dim=1)
    else:
        pooled = features.mean((2, 3))
    plain = F.cross_entropy(classify(pooled), given.labels)
    plain.backward()
    torch.testing.assert_close(loss, plain)
    ours = gradients(learner.student.backbone.model)
    expected = gradients(backbone)
    assert ours.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(ours[name], expected[name], rtol=1e-3, atol=1e-6)
    for name, own in learner.student.backbone.model.named_buffers():
        torch.testing.assert_close(own, backbone.get_buffer(name))


def test_gradients_of_all_scales_reach_the_backbone_and_add_up(settings):
    learner, given = supervised(settings, scales=(1, 2, 3)), batch(side=96)
    weights = learner.classify.weight.detach().clone()
    width, found = learner.student.pooled_dim // 3, []
    pooled = learner.student(given.views[:, 0]).pooled
    for scale in range(3):
        alone = torch.zeros_like(weights)
        alone[:, scale * width : (scale + 1) * width] = weights[:, :width]
        learner.zero_grad()
        F.linear(pooled, alone).square().sum().backward(retain_graph=True)
        found.append(gradients(learner.student))
    for scale in found:
        assert all(gradient.abs().max() > 0 for gradient in scale.values())
    # features of larger scales are others: no gradient is that of another scale
    name = next(iter(found[0]))
    assert not any(torch.allclose(found[0][name], other[name]) for other in found[1:])


def test_the_teacher_is_the_running_mean_of_the_student(settings):
    learner = dino(settings, teacher_momentum=0.9)
    first = deepcopy(learner.teacher.state_dict())
    assert all(torch.equal(first[n], t) for n, t in learner.student.state_dict().items())
    optimiser = torch.optim.SGD([p for p in learner.parameters() if p.requires_grad], lr=1.0)
    learner(batch(views=3)).backward()
    for name, tensor in learner.teacher.state_dict().items():
        assert torch.equal(tensor, first[name])  # it learns by no gradient of its own
    optimiser.step()
    moved = deepcopy(learner.student.state_dict())
    learner(batch(views=3, step=1))
    momentum = learner.momentum(1)
    assert learner.momentum(0) == pytest.approx(0.9)
    assert 0.9 < momentum < 1
    assert learner.momentum(10) == 1
    for name, tensor in learner.teacher.state_dict().items():
        expected = momentum * first[name] + (1 - momentum) * moved[name]
        torch.testing.assert_close(tensor, expected, rtol=1e-4, atol=1e-6)
    assert not any(p.requires_grad for p in learner.teacher.parameters())
    assert not learner.teacher.backbone.training


def test_the_loss_of_dino_is_that_of_its_paper(settings):
    """Cross-entropy between sharpened, centred teacher and student over all pairs of views."""
    learner, given = dino(settings, teacher_temperature=0.05), batch(views=3)
    learner.distance.center.normal_(generator=torch.Generator().manual_seed(1))
    center = learner.distance.center.clone()[0]
    expected = []
    for t in range(2):
        teacher = learner.teacher_head(learner.teacher(given.views[:, t]).pooled)
        target = ((teacher - center) / 0.05).softmax(-1)
        for s in range(3):
            student = learner.student_head(learner.student(given.views[:, s]).pooled)
            if s != t:
                expected.append(-(target * (student / 0.1).log_softmax(-1)).sum(-1).mean())
    torch.testing.assert_close(learner(given), torch.stack(expected).mean())
    assert not torch.equal(learner.distance.center[0], center)


def test_views_of_a_batch_do_not_collapse(trained, tmp_path):
    """Images that differ have features that differ after training, so the teacher has not died."""
    import polyscale

    done = trained(tmp_path, method="dino", scales=(1, 2), steps=10, teacher_momentum=0.8)
    assert np.isfinite(done.losses).all()
    images = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    images[::2] *= 0.2
    pooled = polyscale.wrap(done.source, scales=(1, 2))(images).pooled
    assert pooled.std(dim=0).mean() > 0.01 * pooled.abs().mean()


def test_the_last_layer_of_the_head_waits(settings):
    learner = dino(settings, frozen_steps=1)
    learner(batch(views=3)).backward()
    assert learner.student_head.last_layer.weight_v.grad is None
    learner(batch(views=3, step=1)).backward()
    assert learner.student_head.last_layer.weight_v.grad is not None


@MEANT
def test_batch_norms_of_the_teacher_follow(settings):
    learner = dino(settings, model="resnet10t", model_args={}, tile_px=32, scales=(1,))
    learner(batch(views=3))
    learner(batch(views=3, step=1))
    students = [m for m in learner.student.modules() if isinstance(m, nn.BatchNorm2d)]
    teachers = [m for m in learner.teacher.modules() if isinstance(m, nn.BatchNorm2d)]
    assert students[0].num_batches_tracked == 2
    assert teachers[0].num_batches_tracked == 1  # before its student saw the second batch


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": "vit_tini_patch16_224"}, "timm knows no model .* Did you mean"),
        ({"model": "ours"}, "timm knows no model 'ours'"),
        ({"model_args": {"img_siz": 3}}, "model_args must be arguments with which timm makes"),
        ({"model_args": {"in_chans": 4}}, "in_chans of model_args must be 1 for grey .* takes 4"),
        ({"scales": (0.5, 1)}, "scales must be at least 1 for timm:vit_tiny_patch16_224"),
        ({"tile_px": 48}, r"tile_hw must be \(32, 32\).*img_size"),
        (
            {"model": "resnet10t", "model_args": {}, "checkpoint": True},
            "checkpoint must be False for resnet10t, whose batch norms",
        ),
    ],
)
def test_models_that_do_not_fit_are_refused(settings, changes, told):
    chosen = settings(**changes)
    with pytest.raises(InputError, match=told):
        at_scales(build_backbone(chosen), chosen)
