"""What seams do plain, overlapping and shifted tiles leave, on photographs that packages carry?

    python benchmarks/seams.py --out benchmarks/records/seams.json --picture docs/images/seams.png

Real weights, no network: the photographs come with scikit-image, scikit-learn and matplotlib.
"""

import argparse
from functools import partial
from pathlib import Path

import matplotlib
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_image
from turns import show, write_record

from polyscale.operator.backbones import load
from polyscale.report.pictures import write_picture
from polyscale.report.seams_picture import draw_seams
from polyscale.studies import SeamReport, compare_seams, load_untiled

MODELS = ("pip:dinov2_small", "pip:efficientnet_lite0")
SCALES = (2, 3)


def main() -> None:
    """Measure all models and scales, and write the record and the picture of the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    images = photographs()
    rows = []
    for model in MODELS:
        backbone = load(model)
        for scale in SCALES:
            untiled = load_untiled(model, scale)
            report = compare_seams(backbone, list(images.values()), scale=scale, untiled=untiled)
            rows += map(show, to_rows(report))
            if options.picture and (model, scale) == (MODELS[0], SCALES[0]):
                write_picture(partial(draw_seams, report), options.picture)
    sizes = {name: image.size for name, image in images.items()}
    write_record(options.out, rows, images=sizes)


def photographs() -> dict[str, Image.Image]:
    """Eight colour photographs by name."""
    arrays = {
        "coffee": skimage.data.coffee(),
        "chelsea": skimage.data.chelsea(),
        "astronaut": skimage.data.astronaut(),
        "rocket": skimage.data.rocket(),
        "motorcycle": skimage.data.stereo_motorcycle()[0],
        "china": load_sample_image("china.jpg"),
        "flower": load_sample_image("flower.jpg"),
    }
    images = {name: Image.fromarray(array) for name, array in arrays.items()}
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return images | {"hopper": Image.open(hopper).convert("RGB")}


def to_rows(report: SeamReport) -> list[dict[str, object]]:
    """One row a way."""
    return [
        {
            "model": report.model,
            "scale": report.scale,
            "way": way.name,
            "num_tiles": way.num_tiles,
            "border": round(way.seams.border, 4),
            "interior": round(way.seams.interior, 4),
            "excess": round(way.seams.excess, 3),
            "excess_ci": rounded(way.excess_ci),
            "change": way.change and round(way.change, 3),
            "change_ci": rounded(way.change_ci),
            "over_control": way.over_control and round(way.over_control, 3),
            "over_control_ci": rounded(way.over_control_ci),
            "added_excess": way.added_excess and round(way.added_excess, 3),
            "border_each": [round(float(value), 4) for value in way.seams.border_each],
            "interior_each": [round(float(value), 4) for value in way.seams.interior_each],
        }
        for way in report.ways
    ]


def rounded(interval: tuple[float, float] | None) -> list[float] | None:
    """Three digits after the point."""
    return interval and [round(end, 3) for end in interval]


if __name__ == "__main__":
    main()
