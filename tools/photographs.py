"""Cut photographs from Debian's packages of wallpapers into a folder for `--data folder:PATH`.

    python tools/photographs.py OUT

The packages are downloaded with `apt-get download` and unpacked, not installed. Of each photograph,
whole rows of squares of 448 px are cut at two sizes, so that an object is seen near and far. All
squares of a photograph go to the same split, or a test square would be half known from training.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PACKAGES = {
    "lomiri-wallpapers-16.04": "Bridge Dragonfly Picture_0B Picture_1A Wine aitzgorri free friends "
    "greentock life picosdeeuropa seeding sunset",
    "lomiri-wallpapers-20.04": "Kleiber",
    "mate-backgrounds": "Aqua Blinds Dune Garden GreenMeadow LadyBird RainDrops Storm TwoWings "
    "Wood YellowFlower",
    "plasma-workspace-wallpapers": "BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow "
    "FallenLeaf Grey Kite OneStandsOut Path Shell summer_1am",
}
"""Package → its photographs; the others are drawn."""

SIDE = 448
ROWS = (2, 3)
"""Squares above each other, at each size."""


def fetch(package: str, folder: Path) -> Path:
    """Download and unpack a package; a `CalledProcessError` where that is not possible."""
    place = folder / package
    place.mkdir()
    download = ["apt-get", "download", package]
    subprocess.run(download, cwd=place, check=True, capture_output=True)  # noqa: S603
    (archive,) = place.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, place], check=True)  # noqa: S603, S607
    return place


def find(place: Path, name: str) -> Path:
    """The largest picture of that name, which may be that of its folder."""
    files = [
        path
        for path in place.rglob("*")
        if path.is_file()
        and path.suffix in (".jpg", ".png")
        and (path.name.partition(".")[0].partition("_by_")[0] == name or name in path.parts)
        and "screenshot" not in path.stem
    ]
    return max(files, key=lambda path: path.stat().st_size)


def cut(picture: Image.Image, num_rows: int) -> list[Image.Image]:
    """Squares, `num_rows` above each other, evenly spread where they do not fill the width."""
    height = SIDE * num_rows
    width = max(SIDE, round(picture.width * height / picture.height))
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    num_columns = width // SIDE
    gap = (width - num_columns * SIDE) // max(1, num_columns - 1)
    lefts = [column * (SIDE + gap) for column in range(num_columns)]
    return [
        picture.crop((left, row * SIDE, left + SIDE, (row + 1) * SIDE))
        for row in range(num_rows)
        for left in lefts
    ]


def main(out: Path) -> None:
    """Every third photograph is for testing."""
    for split in ("train", "test"):
        (out / split).mkdir(parents=True)
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        for package, names in PACKAGES.items():
            place = fetch(package, Path(folder))
            for name in names.split():
                with Image.open(find(place, name)) as picture:
                    whole = picture.convert("RGB")
                split = "test" if number % 3 == 2 else "train"
                squares = [square for num_rows in ROWS for square in cut(whole, num_rows)]
                for i, square in enumerate(squares):
                    square.save(out / split / f"{name}-{i:02d}.jpg", quality=92)
                number += 1
    counts = {s: len(list((out / s).iterdir())) for s in ("train", "test")}
    print(f"{number} photographs: {counts['train']} training and {counts['test']} test squares")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
