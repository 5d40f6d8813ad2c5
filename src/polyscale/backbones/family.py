"""Which models differ in size alone."""

import re

_SIZE = re.compile(
    r"atto|femto|pico|nano|zepto|tiny|mini|small|medium|base|x*large|huge|giant|gigantic|so\d+m\d*"
    r"|x*s|m|x*l|[bg]\d*|\d{1,3}|patch\d+"
)


def family_of(source: str) -> str:
    """The model's name without the words for its size, by which a report joins models with a line.

    A guess from the name, good for timm's and the hubs' habits.

    >>> family_of("pip:efficientnet_lite2"), family_of("timm:vit_large_patch16_224.augreg_in21k")
    ('efficientnet_lite', 'vit_224.augreg_in21k')
    """
    name = source.partition(":")[2] or source
    architecture, dot, tag = name.partition(".")
    first, *rest = architecture.split("_")
    # a model's size may also end its first or second word: resnet50, lite0; but not dinov2
    words = [first, *(w for w in rest if not _SIZE.fullmatch(w) or w == "224")]
    words = [w if re.search(r"v\d$", w) or w.isdigit() else w.rstrip("0123456789") for w in words]
    return "_".join(words) + dot + tag
