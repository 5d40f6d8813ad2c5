import re
from functools import partial
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from polyscale.errors import InputError
from polyscale.records.seams import SeamReport, Seams, WaySeams
from polyscale.records.shown import Shown, ShownScale
from polyscale.report.figure2 import draw_figure2
from polyscale.report.pictures import check_picture, write_picture
from polyscale.report.seams_picture import draw_seams
from polyscale.report.show_picture import draw_shown


def colours(*hw):
    return np.random.default_rng(0).uniform(size=(*hw, 3))


def make_shown(*scales, image_hw=(30, 50), tile=8):
    made = []
    for scale in scales:
        side, num = round(tile * scale), max(1, int(np.ceil(scale)))
        starts = [round(i * (side - tile) / max(num - 1, 1)) for i in range(num)]
        made.append(
            ShownScale(
                scale=scale,
                image=np.zeros((side, side, 3), np.uint8),
                tile_hw=(min(tile, side),) * 2,
                boxes_yxyx=tuple((y, x, y + tile, x + tile) for y in starts for x in starts),
                stitched=np.zeros((1280, side // 2, side // 2)),
                stitched_rgb=colours(side // 2, side // 2),
                pooled_rgb=colours(4, 4),
            )
        )
    return Shown(
        model="pip:tiny",
        dim=1280,
        image=np.zeros((*image_hw, 3), np.uint8),
        scales=tuple(made),
        fused=np.zeros((1280 * len(scales), 4, 4)),
        fused_rgb=colours(4, 4),
    )


def make_report(num_images=4, names=("plain", "a = b", "untiled")):
    generator = np.random.default_rng(0)
    ways = []
    for i, name in enumerate(names):
        seams = Seams(generator.uniform(0.4 / (i + 1), 0.5, num_images), np.full(num_images, 0.2))
        ways.append(
            WaySeams(
                name=name,
                num_tiles=4 + i,
                seams=seams,
                excess_ci=(seams.excess - 0.1, seams.excess + 0.1) if num_images > 1 else None,
                change=-0.5 if i else None,
                change_ci=(-0.6, -0.4) if i and num_images > 1 else None,
                over_control=None,
                over_control_ci=None,
                added_excess=-0.12 if name == "a = b" else None,
                disagreement=generator.uniform(size=(15, 15)),
            )
        )
    image = np.zeros((64, 64, 3), np.uint8)
    return SeamReport(
        model="pip:tiny", scale=2, num_images=num_images, image=image, ways=tuple(ways)
    )


def words(path):
    return [re.sub("<.*?>", "", t) for t in re.findall(r"<text.*?</text>", path.read_text(), re.S)]


def test_the_picture_says_what_happens(tmp_path):
    write_picture(partial(draw_shown, make_shown(1, 2, 3), title="cat.png"), tmp_path / "a.svg")
    text = " ".join(words(tmp_path / "a.svg"))
    for phrase in (
        "cat.png at scales 1, 2, 3",
        "It runs once for each tile: 14 tiles.",
        "16×16 px · 4 tiles of 8",
        "8×8 cells × 1,280 channels",
        "4×4 cells × 3,840 channels",
        "1,280 + 1,280 + 1,280 = 3,840 channels",
    ):
        assert phrase in text


def test_overlapping_tiles_are_called_so(tmp_path):
    write_picture(partial(draw_shown, make_shown(1, 1.5), title="x"), tmp_path / "a.svg")
    text = " ".join(words(tmp_path / "a.svg"))
    assert "12×12 px · 4 overlapping tiles of 8" in text
    assert "1 tile of 8" in text


@pytest.mark.parametrize(
    "shown",
    [make_shown(1), make_shown(1, 2, 3, 4, 5), make_shown(1, 2, image_hw=(300, 20))],
    ids=["one scale", "five scales", "a tall image"],
)
def test_nothing_is_drawn_outside_the_page(shown, tmp_path):
    path = tmp_path / "a.png"
    write_picture(partial(draw_shown, shown, title="x"), path)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    frame = np.concatenate([pixels[:8].ravel(), pixels[-8:].ravel(), pixels[:, :8].ravel()])
    assert (frame == 255).all()
    assert (pixels < 255).mean() > 0.1


def test_seams_are_told_in_words_and_numbers(tmp_path):
    report = make_report()
    write_picture(partial(draw_seams, report), tmp_path / "s.svg")
    text = " ".join(words(tmp_path / "s.svg"))
    plain = report.ways[0].seams
    assert f"{plain.excess + 1:.1f} times as much as elsewhere" in text
    assert f"{plain.border:.3f}" in text
    for phrase in ("a, b", "untiled (control)", "1, larger", "−12", "4 images", "5 (1.25×)"):
        assert phrase in text


def test_one_image_is_drawn_without_intervals(tmp_path):
    write_picture(partial(draw_seams, make_report(num_images=1)), tmp_path / "s.svg")
    assert "intervals" not in " ".join(words(tmp_path / "s.svg"))


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_kinds_of_files_are_the_same_each_time(ending, start, tmp_path):
    first, second = (tmp_path / f"{n}.{ending.upper()}" for n in "ab")
    for path in (first, second):
        write_picture(partial(draw_shown, make_shown(1, 2), title="x"), path)
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_figure2_is_written_like_the_others(tmp_path):
    write_picture(draw_figure2, tmp_path / "figure.svg")
    assert "larger models, one scale" in words(tmp_path / "figure.svg")


def test_paths_are_refused_early(tmp_path):
    photo = tmp_path / "photo.png"
    buffer = BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    photo.write_bytes(buffer.getvalue())
    check_picture(tmp_path / "new.png", sources=[photo])
    with pytest.raises(InputError, match=r"out must end in \.png, \.svg or \.pdf, but got"):
        check_picture(tmp_path / "new.jpg")
    with pytest.raises(InputError, match="folder that exists"):
        check_picture(tmp_path / "none" / "new.png")
    with pytest.raises(InputError, match="another file than the image"):
        check_picture(photo, sources=[photo])
    with pytest.raises(InputError, match="figure must end in"):
        check_picture(tmp_path / "figure.gif", argument="figure")
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="out must be a file in a folder that exists, but got"):
        check_picture(loop)
