"""The linear map against direct fits, on maps in memory."""

import numpy as np
import pytest
import torch

from polyscale.features import ArrayMaps
from polyscale.learning.heads import accumulate, ridge_path, total
from polyscale.tasks.reconstruction.fit import fit_map, image_losses, token_losses
from polyscale.tasks.reconstruction.maps import ScaleMaps, about_resampling, batches, on_grid

NUM, GRID, DIM, OUT = 40, (3, 4), 5, 4


def make_maps(seed=0, noise=0.5):
    """Maps of two scales, and targets that depend on both."""
    generator = np.random.default_rng(seed)
    first, second = (generator.normal(size=(NUM, *GRID, DIM)) + 3 for _ in range(2))
    mixing = generator.normal(size=(2 * DIM, OUT))
    targets = np.concatenate([first, second], axis=-1) @ mixing
    targets += noise * generator.normal(size=targets.shape) - 20
    return ScaleMaps({1: ArrayMaps(first), 2: ArrayMaps(second)}, (1, 2)), ArrayMaps(targets)


def moments(maps, targets, folds):
    shards = (
        (rows, wanted, np.full(len(rows), number))
        for number in range(folds.max() + 1)
        for _, (rows, wanted) in batches(
            np.flatnonzero(folds == number), [maps.on(GRID, all_scales=True), targets]
        )
    )
    return accumulate(shards, num_folds=int(folds.max()) + 1)


def flat(maps):
    return maps.take(np.arange(NUM)).reshape(-1, maps.shape[3])


def direct(rows, targets):
    """The loss of numpy's least squares, over tokens and channels."""
    ones = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    weights, *_ = np.linalg.lstsq(ones, targets, rcond=None)
    return ((targets - ones @ weights) ** 2).mean()


FOLDS = np.arange(NUM) % 4


@pytest.mark.parametrize("scales", [(1,), (2,), (1, 2)])
def test_every_set_of_scales_is_a_direct_fit_on_its_columns(scales):
    maps, targets = make_maps()
    chosen = ScaleMaps(maps.features, scales)
    own = [fold.select(chosen.columns) for fold in moments(maps, targets, FOLDS)]
    (model,) = ridge_path(total(own), [1e-9])
    losses = token_losses(model, chosen.on(GRID), targets, np.arange(NUM))
    rows = flat(chosen.on(GRID))
    assert losses.shape == (NUM, *GRID)
    assert losses.mean() == pytest.approx(direct(rows, flat(targets)), rel=1e-4)


def test_the_chosen_map_is_as_good_as_one_of_gradient_descent():
    maps, targets = make_maps()
    fitted = fit_map(moments(maps, targets, FOLDS))
    rows, wanted = (
        torch.tensor(flat(each), dtype=torch.float64) for each in (maps.on(GRID), targets)
    )
    rows, wanted = rows - rows.mean(dim=0), wanted - wanted.mean(dim=0)  # or Adam takes thousands
    layer = torch.nn.Linear(2 * DIM, OUT, dtype=torch.float64)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        loss = ((layer(rows) - wanted) ** 2).mean()
        loss.backward()
        optimiser.step()
    losses = image_losses(fitted.model, maps.on(GRID), targets, np.arange(NUM), lambda num: None)
    assert losses.mean() == pytest.approx(loss.item(), rel=1e-3)


def test_a_regulariser_is_chosen_that_helps_where_tokens_are_few():
    generator = np.random.default_rng(0)
    maps = ScaleMaps({1: ArrayMaps(generator.normal(size=(NUM, 1, 1, 25)))}, (1,))
    targets = ArrayMaps(generator.normal(size=(NUM, 1, 1, OUT)))
    fitted = fit_map(accumulate([(flat(maps.features[1]), flat(targets), FOLDS)], num_folds=4))
    assert fitted.facts["regulariser"] > 0.1
    assert np.abs(fitted.model.weights).max() < 0.2


def test_a_channel_that_never_varies_has_no_weight():
    maps, targets = make_maps()
    first = maps.features[1].take(np.arange(NUM))
    first[..., 2] = 7
    maps = ScaleMaps({**maps.features, 1: ArrayMaps(first)}, (1, 2))
    fitted = fit_map(moments(maps, targets, FOLDS))
    assert (fitted.model.weights[:, 2] == 0).all()
    assert np.abs(fitted.model.weights[:, 3]).min() > 0


def test_maps_of_another_grid_are_resampled():
    ramp = np.linspace(0, 1, 8)[None, :, None, None] * np.ones((2, 8, 4, 3))
    finer, coarser = (on_grid(ArrayMaps(ramp), hw).take(np.arange(2)) for hw in ((16, 4), (2, 4)))
    steps = np.diff(finer[0, :, 0, 0])
    np.testing.assert_allclose(steps[1:-1], 1 / 14, atol=1e-6)  # linear inside, flat at both ends
    assert steps[0] < 1 / 14
    np.testing.assert_allclose(
        coarser[:, :, 0, 0], [[ramp[0, :4].mean(), ramp[0, 4:].mean()]] * 2, atol=1e-6
    )
    same = ArrayMaps(ramp)
    assert on_grid(same, (8, 4)) is same
    assert about_resampling((7, 7), (9, 9)) == "from 7×7 to 9×9 cells, linear"
    assert (
        about_resampling((8, 7), (4, 9)) == "from 8×7 to 4×9 cells, area mean down, linear across"
    )
