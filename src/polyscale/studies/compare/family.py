"""Which models differ in size alone."""

import re
from collections.abc import Iterable, Mapping, Sequence

from polyscale.errors import InputError, near_matches
from polyscale.operator.backbones import split_tile

_SIZE = re.compile(
    r"atto|femto|pico|nano|zepto|tiny|mini|small|medium|base|x*large|huge|giant|gigantic|so\d+m\d*"
    r"|x*s|m|x*l|[bg]\d*|\d{1,3}|patch\d+"
    r"|h|bigg|s\d+b|b\d+k"  # OpenCLIP: samples seen and batch
)


def families_of(
    backbones: Iterable[str], given: Mapping[str, Sequence[str]] | None = None
) -> dict[str, str]:
    """The family of each backbone: what the user says, or else what its name says.

    Args:
        backbones: names.
        given: name of a family → its backbones.

    Raises:
        InputError: if a family names a backbone that is not compared, or that another one names.
    """
    families = {name: family_of(name) for name in backbones}
    members: dict[str, str] = {}
    for family, names in (given or {}).items():
        for name in [names] if isinstance(names, str) else names:
            if name not in families:
                raise InputError(
                    f"family {family!r} must name backbones of the candidates, but got {name!r}."
                    f"{near_matches(name, families)} They are {', '.join(families)}."
                )
            if members.setdefault(name, family) != family:
                raise InputError(
                    f"{name} must be of one family, but is in {members[name]!r} and {family!r}."
                )
    return families | members


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


def parse_families(texts: Iterable[str]) -> dict[str, list[str]]:
    """Families as the command line and `compare.toml` write them: name → its backbones.

    >>> parse_families(["nets=small,large"])
    {'nets': ['small', 'large']}

    Raises:
        InputError: if one cannot be read.
    """
    families: dict[str, list[str]] = {}
    for text in texts:
        name, equals, members = text.partition("=")
        if not (name and equals and members):
            raise InputError(
                f"--family must be NAME=A,B, but got {text!r}. "
                "Example: --family mine=timm:/models/small,timm:/models/large"
            )
        families.setdefault(name, []).extend(members.split(","))
    return families
