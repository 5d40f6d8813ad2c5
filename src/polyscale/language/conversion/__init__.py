"""Checkpoints of LLaVA's own code → folders of transformers."""

from polyscale.language.conversion.convert import convert_llava

__all__ = ["convert_llava"]
