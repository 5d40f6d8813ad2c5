import numpy as np
import pytest
import torch
from torch import nn

from polyscale.errors import InputError
from polyscale.learning.heads import (
    PaperSettings,
    few_shot,
    fit_logistic_probe,
    fit_paper_probe,
    probe,
)
from polyscale.learning.heads.linear_probe import FEW_SHOT_REGULARISER, first_of_each

SHORT = PaperSettings(epochs=4, batch=32)


def clusters(num=150):
    generator = np.random.default_rng(0)
    labels = np.arange(num) % 3
    rows = generator.normal(size=(num, 8)) + 2 * np.eye(3, 8)[labels]
    return rows[:100].astype(np.float32), labels[:100], rows[100:].astype(np.float32)


def test_protocols():
    split = clusters()
    fast, paper = probe(*split), probe(*split, protocol="paper")
    np.testing.assert_array_equal(fast.probabilities, fit_logistic_probe(*split).probabilities)
    np.testing.assert_array_equal(paper.probabilities, fit_paper_probe(*split).probabilities)
    assert fast.summary().keys() == paper.summary().keys()
    with pytest.raises(InputError, match="protocol must be one of fast, paper, but got 'slow'"):
        probe(*split, protocol="slow")


def test_paper_is_the_plain_loop():
    """Written once more with torch's own parts and nothing else."""
    train, labels, test = clusters()
    generator = torch.Generator().manual_seed(3)
    layer = nn.Linear(8, 3)
    bound = 8**-0.5
    for parameter in (layer.weight, layer.bias):
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=5e-4, weight_decay=0.01)
    step = 0
    for _ in range(4):
        order = torch.randperm(100, generator=generator)
        for chosen in order.split(32):
            optimiser.param_groups[0]["lr"] = 5e-4 * (1 + np.cos(np.pi * step / 16)) / 2
            outputs = layer(torch.tensor(train)[chosen])
            loss = nn.functional.cross_entropy(outputs, torch.tensor(labels)[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
    expected = layer(torch.tensor(test)).softmax(dim=1).detach().numpy()
    result = fit_paper_probe(train, labels, test, seed=3, settings=SHORT)
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-6)
    assert result.num_iterations == step


def test_paper_is_decided_by_its_seed_alone():
    split = clusters()
    torch.manual_seed(0)
    one = fit_paper_probe(*split, seed=1, settings=SHORT)
    state = torch.get_rng_state()
    torch.manual_seed(9)
    again = fit_paper_probe(*split, seed=1, settings=SHORT)
    np.testing.assert_array_equal(one.probabilities, again.probabilities)
    np.testing.assert_array_equal(one.out_of_fold, again.out_of_fold)
    other = fit_paper_probe(*split, seed=2, settings=SHORT)
    assert np.abs(one.probabilities - other.probabilities).max() > 0
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), state)


def test_paper_judges_on_rows_it_did_not_see():
    """Labels that are noise: accuracy by chance out of fold, though rows are learnt by heart."""
    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(60, 200)).astype(np.float32), np.arange(60) % 3
    settings = PaperSettings(epochs=60, learning_rate=0.01)
    result = fit_paper_probe(rows, labels, rows, settings=settings)
    assert (result.probabilities.argmax(axis=1) == labels).all()
    assert result.cv_accuracy < 0.6


def test_without_folds_nothing_is_cross_validated():
    train, labels, test = clusters()
    truth = np.arange(100, 150) % 3
    whole = fit_paper_probe(train, labels, test, settings=SHORT)
    result = fit_paper_probe(train, labels, test, settings=SHORT, cross_validate=False)
    np.testing.assert_array_equal(result.probabilities, whole.probabilities)
    assert result.summary()["cv_accuracy"] is None
    assert result.out_of_fold is None
    assert result.accuracy(truth) == (result.probabilities.argmax(axis=1) == truth).mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs and batch must be at least 1, .*epochs=0"),
        ({"learning_rate": 0.0}, "learning_rate above 0 .*learning_rate=0.0"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(InputError, match=message):
        PaperSettings(**options)


def test_bad_input():
    train, labels, test = clusters()
    with pytest.raises(InputError, match="labels must be one per row of 100"):
        fit_paper_probe(train, labels[1:], test)


def few_clusters(num=200, num_classes=4):
    generator = np.random.default_rng(0)
    labels = np.arange(num) % num_classes
    rows = generator.normal(size=(num, 10)) + 2 * np.eye(num_classes, 10)[labels]
    return rows.astype(np.float32), labels


def test_draws():
    _, labels = few_clusters()
    order = np.random.default_rng(0).permutation(100)
    five, ten = (first_of_each(labels[:100], order, number) for number in (5, 10))
    assert np.bincount(labels[five]).tolist() == [5] * 4
    assert set(five) < set(ten)


def test_accuracies():
    rows, labels = few_clusters()
    split = rows[:100], labels[:100], rows[100:], labels[100:]
    results = few_shot(*split)
    assert [r.shots for r in results] == [1, 5, 10, 25]
    assert results == few_shot(*split)
    assert results != few_shot(*split, seed=1)
    for result in results:
        assert len(result.values) == 3
        assert result.mean == pytest.approx(np.mean(result.values))
    assert results[0].mean < results[-1].mean
    # 25 of each class are all rows: one fit
    everything = fit_logistic_probe(*split[:3], regulariser=FEW_SHOT_REGULARISER)
    accuracy = (everything.probabilities.argmax(axis=1) == labels[100:]).mean()
    assert results[-1].values == (accuracy,) * 3


def test_more_shots_than_the_smallest_class_has_are_skipped():
    rows, labels = few_clusters(32)
    one, more = few_shot(rows, labels, rows, labels, shots=(1, 10))
    assert one.skipped is None
    assert more.skipped == "the smallest class has 8 training images"
    assert np.isnan(more.mean)


def test_few_shot_bad_input():
    rows, labels = few_clusters(32)
    with pytest.raises(InputError, match="test_labels must be one per row of 32, from 0 to 3"):
        few_shot(rows, labels, rows, labels[:-1])
    with pytest.raises(InputError, match=r"shots and num_draws must be at least 1, but got \[0\]"):
        few_shot(rows, labels, rows, labels, shots=[0])
