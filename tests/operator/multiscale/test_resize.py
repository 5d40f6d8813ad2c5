import pytest
import torch
import torch.nn.functional as F

from polyscale.operator.multiscale.resize import resize, resized_crops


@pytest.mark.parametrize("factors", [(1, 1), (2, 2), (3, 3), (4, 2), (1, 5), (7, 1)])
@pytest.mark.parametrize("size_hw", [(1, 1), (2, 3), (17, 32), (224, 224)])
def test_enlarging_equals_the_kernel_of_torch(factors, size_hw):
    images = torch.randn(2, 3, *size_hw)
    expected = F.interpolate(
        images, (size_hw[0] * factors[0], size_hw[1] * factors[1]), mode="bicubic"
    )
    # torch rounds coordinates in float32; without fused multiply-adds it rounds them twice
    enlarged = resize(images, tuple(expected.shape[2:]))
    torch.testing.assert_close(enlarged, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size_hw", [(60, 45), (61, 47), (20, 15), (40, 90), (7, 31)])
def test_a_part_is_the_crop_of_the_whole(size_hw):
    images = torch.randn(3, 3, 20, 15)
    crop, whole = resized_crops(images, size_hw), resize(images, size_hw)
    shrinks = size_hw[0] < 20
    expected = F.interpolate(images, size_hw, mode="bicubic", antialias=shrinks)
    torch.testing.assert_close(whole, expected, rtol=0, atol=1e-4)
    for top, left, bottom, right in [(0, 0, 7, 15), (1, 4, 6, 13), (0, 14, 1, 15), (5, 3, 7, 9)]:
        part = crop((top, left, bottom, right), slice(1, 3))
        torch.testing.assert_close(part, whole[1:, :, top:bottom, left:right], rtol=0, atol=1e-5)


def test_the_gradient_is_that_of_torch():
    images = torch.randn(1, 3, 6, 5, requires_grad=True)
    towards = torch.randn(1, 3, 18, 10)
    expected = F.interpolate(images, (18, 10), mode="bicubic")
    (ours,) = torch.autograd.grad((resize(images, (18, 10)) * towards).sum(), images)
    (theirs,) = torch.autograd.grad((expected * towards).sum(), images)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_the_dtype_is_kept(dtype):
    images = torch.rand(1, 3, 4, 4, dtype=dtype)
    resized = resize(images, (8, 8))
    assert resized.dtype == dtype
    expected = F.interpolate(images.float(), (8, 8), mode="bicubic").to(dtype)
    torch.testing.assert_close(resized, expected, rtol=0, atol=1e-2)
