"""Generator of the embedded data set `rooms`: furnished rooms, in each an object to recognise."""

import os

# Before MuJoCo is imported: software rendering without a display, and one thread a process, so that
# llvmpipe and BLAS neither compete for cores nor change the order of sums.
os.environ.setdefault("MUJOCO_GL", "osmesa")
os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")
os.environ.setdefault("LP_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
