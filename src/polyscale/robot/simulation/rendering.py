"""Loads MuJoCo with a library that renders without a screen."""

import os
import subprocess
import sys
from functools import cache
from types import ModuleType
from typing import Any

from polyscale.errors import RunError, first_line, require

BACKENDS = ("egl", "osmesa")
"""Libraries that render without a screen; without a GPU, both render the same pixels."""

VARIABLE = "MUJOCO_GL"
"""The environment variable that selects MuJoCo's rendering library; read when it is imported."""

PROBE = "import mujoco; mujoco.GLContext(8, 8).make_current()"

ADVICE = "Run: apt install libosmesa6 (or libegl1 and libgl1-mesa-dri), and unset MUJOCO_GL."


@cache
def load_mujoco() -> ModuleType:
    """Import MuJoCo so that it renders with EGL or OSMesa, whichever works.

    If the user has set `MUJOCO_GL`, or has already imported MuJoCo, nothing is chosen. The choice
    stays in the environment, so that child processes render the same pixels.

    Raises:
        MissingExtraError: if MuJoCo is not installed.
        RunError: if `MUJOCO_GL` names what MuJoCo does not know, or what is not there.
    """
    require("mujoco", extra="robot", feature="The simulated scene")
    if "mujoco" not in sys.modules and VARIABLE not in os.environ and sys.platform == "linux":
        for backend in BACKENDS:
            if _works(backend):
                os.environ[VARIABLE] = backend
                break
    try:
        import mujoco
    except Exception as error:  # each library raises its own kind of error
        raise _cannot_draw(error) from error
    return mujoco


def make_renderer(model: Any, side_px: int) -> Any:
    """Make a `mujoco.Renderer` for square pictures.

    Raises:
        RunError: if no library can render.
    """
    mujoco = load_mujoco()
    model.vis.global_.offwidth = model.vis.global_.offheight = side_px
    try:
        return mujoco.Renderer(model, side_px, side_px)
    except Exception as error:  # each library raises its own kind of error
        raise _cannot_draw(error) from error


def _cannot_draw(error: Exception) -> RunError:
    chosen = os.environ.get(VARIABLE, "not set")
    return RunError(f"MuJoCo cannot draw ({VARIABLE} is {chosen}; {first_line(error)}). {ADVICE}")


def _works(backend: str) -> bool:
    """Whether a library can render; tried in another process, because it would stay loaded."""
    environment = {**os.environ, VARIABLE: backend}
    command = [sys.executable, "-c", PROBE]
    result = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603
    return result.returncode == 0
