"""Settings of matplotlib that all pictures share."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib import font_manager

FONTS = ("Inter", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans")


@contextmanager
def settings(salt: str) -> Iterator[None]:
    """Settings of matplotlib for one drawing, whatever the user's own are.

    Args:
        salt: what the ids in an SVG come from, so that they do not come from chance.
    """
    installed = set(font_manager.get_font_names())
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["font.family"] = next((f for f in FONTS if f in installed), "sans-serif")
        mpl.rcParams["svg.fonttype"] = "none"
        mpl.rcParams["svg.hashsalt"] = salt
        mpl.rcParams["text.parse_math"] = False  # names may hold a dollar sign
        yield
