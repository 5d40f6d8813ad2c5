"""What does a larger model have that smaller ones lack? Linear reconstruction (paper, 4.2)."""

from polyscale.studies.reconstruct.run import (
    plan_reconstruct,
    reconstruct_larger,
    run_and_explain,
    run_reconstruct,
)

__all__ = ["plan_reconstruct", "reconstruct_larger", "run_and_explain", "run_reconstruct"]
