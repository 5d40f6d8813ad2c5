"""Which models differ in size alone."""

import re

from polyscale.operator.backbones import split_tile

_SIZE = re.compile(
    r"atto|femto|pico|nano|zepto|tiny|mini|small|medium|base|x*large|huge|giant|gigantic|so\d+m\d*"
    r"|x*s|m|x*l|[bg]\d*|\d{1,3}|patch\d+"
    r"|h|bigg|s\d+b|b\d+k"  # OpenCLIP: samples seen and batch
)


def family_of(source: str) -> str:
    """The model's name without the words for its size, by which a report joins models with a line.

    A guess from the name, good for timm's and the hubs' habits.

    >>> family_of("pip:efficientnet_lite2"), family_of("timm:vit_large_patch16_224.augreg_in21k")
    ('efficientnet_lite', 'vit_224.augreg_in21k')
    """
    name = split_tile(source)[0]
    name = name.partition(":")[2] or name
    if name.startswith((".", "/", "~")):  # a local folder is called like the hub's repository
        name = name.rstrip("/").rpartition("/")[2]
    architecture, dot, tag = name.partition(".")
    first, *rest = re.split(r"[_/-]", architecture)
    # a model's size may also end its first or second word: resnet50, lite0; but not dinov2
    words = [first, *(w for w in rest if not _SIZE.fullmatch(w.lower()) or w == "224")]
    words = [w if re.search(r"v\d$", w) or w.isdigit() else w.rstrip("0123456789") for w in words]
    return "_".join(words) + dot + tag
