"""What a number was measured with."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

from polyscale.features import library_versions


def versions() -> dict[str, str]:
    """Versions of the libraries, and the hardware."""
    return {
        "polyscale": version("polyscale"),
        "python": platform.python_version(),
        **library_versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{_processor()}, {torch.get_num_threads()} of {os.cpu_count()} threads",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
