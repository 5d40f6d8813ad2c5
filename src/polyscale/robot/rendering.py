"""MuJoCo, with a library that draws without a screen."""

import os
import subprocess
import sys
from functools import cache
from types import ModuleType
from typing import Any

from polyscale.errors import RunError, first_line, require

BACKENDS = ("egl", "osmesa")
"""Libraries that draw without a screen; both draw the same pixels where there is no GPU."""

VARIABLE = "MUJOCO_GL"
"""By which MuJoCo is told what to draw with. It looks once, when it is imported."""

PROBE = "import mujoco; mujoco.GLContext(8, 8).make_current()"

ADVICE = "Run: apt install libosmesa6 (or libegl1 and libgl1-mesa-dri), and unset MUJOCO_GL."


@cache
def load_mujoco() -> ModuleType:
    """Import MuJoCo so that it draws with EGL or OSMesa, whichever works.

    Where the user has set `MUJOCO_GL`, or has imported MuJoCo, nothing is chosen. The choice stays
    in the environment, so that further processes draw the same pixels.

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
    except Exception as error:  # each library raises its own
        raise _cannot_draw(error) from error
    return mujoco


def make_renderer(model: Any, side_px: int) -> Any:
    """A `mujoco.Renderer` of square pictures.

    Raises:
        RunError: if no library draws.
    """
    mujoco = load_mujoco()
    model.vis.global_.offwidth = model.vis.global_.offheight = side_px
    try:
        return mujoco.Renderer(model, side_px, side_px)
    except Exception as error:  # each library raises its own
        raise _cannot_draw(error) from error


def _cannot_draw(error: Exception) -> RunError:
    chosen = os.environ.get(VARIABLE, "nothing")
    return RunError(f"MuJoCo cannot draw ({VARIABLE} is {chosen}; {first_line(error)}). {ADVICE}")


def _works(backend: str) -> bool:
    """Whether another process can draw with it: a library that is tried stays loaded."""
    environment = {**os.environ, VARIABLE: backend}
    command = [sys.executable, "-c", PROBE]
    result = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603
    return result.returncode == 0
