import os
import subprocess
import sys

import pytest

from polyscale.errors import RunError
from polyscale.robot.simulation import rendering


def in_another_process(code, **environment):
    pytest.importorskip("mujoco", reason="MuJoCo is not installed")
    kept = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, check=True
    ).stdout.split()


SHOW = """
import os, sys
from polyscale.robot.simulation.rendering import load_mujoco
print("mujoco" in sys.modules)
load_mujoco()
print(os.environ.get("MUJOCO_GL"))
"""


def test_a_library_that_draws_is_chosen_when_it_is_needed(drawn):
    early, chosen = in_another_process(SHOW)
    assert early == "False"
    assert chosen in rendering.BACKENDS


def test_what_the_user_chose_stays(blind):
    assert in_another_process(SHOW, MUJOCO_GL="glfw") == ["False", "glfw"]


WRONG = """
from polyscale.robot import PickingScene, SceneSettings
try:
    PickingScene(SceneSettings(), 16)
except Exception as error:
    print(type(error).__name__, *str(error).split())
"""


def test_a_choice_that_mujoco_does_not_know_is_named(blind):
    words = in_another_process(WRONG, MUJOCO_GL="bogus")
    assert words[0] == "RunError"
    assert "MuJoCo cannot draw (MUJOCO_GL is bogus; " in " ".join(words)


def test_without_a_library_the_error_names_the_package(blind, monkeypatch):
    def fail(*args):
        raise ImportError("no such library\nand more")

    monkeypatch.setattr(rendering.load_mujoco(), "Renderer", fail)
    with pytest.raises(RunError, match=r"MuJoCo cannot draw .*no such library.*apt install libos"):
        rendering.make_renderer(blind._model, 8)
