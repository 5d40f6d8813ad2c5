import pytest
import torch
from sklearn.decomposition import PCA

from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, fit_equal_width


@pytest.fixture
def batches(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 2, 3))
    with torch.inference_mode():
        return [module(torch.randn(4, 3, 64, 64)) for _ in range(3)]


@pytest.mark.parametrize("width", [None, 2])
def test_it_is_the_pca_of_scikit_learn(batches, width):
    cells = torch.cat([b.tokens[:, b.num_prefix :].flatten(0, 1) for b in batches])
    expected = PCA(width or 6, svd_solver="full").fit(cells.double().numpy())
    fitted = fit_equal_width(batches, width=width)
    projected = fitted(batches[0])
    ours = projected.tokens[:, projected.num_prefix :].flatten(0, 1)
    theirs = torch.from_numpy(expected.transform(cells[: len(ours)].double().numpy())).float()
    torch.testing.assert_close(ours.abs(), theirs.abs(), rtol=1e-3, atol=1e-4)
    assert fitted.explained == pytest.approx(expected.explained_variance_ratio_.sum(), rel=1e-5)


def test_it_looks_like_the_features_of_one_scale(batches):
    projected = fit_equal_width(batches)(batches[0])
    assert projected.map.shape == (4, 6, 4, 4)
    assert projected.prefix.shape == (4, 1, 6)
    assert projected.pooled.shape == (4, 12)
    assert len(projected.levels) == 1


def test_bad_input(batches, tiny_backbone):
    with pytest.raises(InputError, match="at most the 18 channels and the 192 cells"):
        fit_equal_width(batches, width=19)
    with pytest.raises(InputError, match="width must be"):
        fit_equal_width([])
    other = MultiScale(tiny_backbone(), (1, 2))(torch.randn(1, 3, 32, 32))
    with pytest.raises(InputError, match="must have 18 channels"):
        fit_equal_width(batches)(other)
