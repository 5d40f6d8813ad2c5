"""Multimodal language models whose frozen vision tower runs over several scales.

Everything is a class of transformers: the tower is a `PreTrainedModel` that works inside their
LLaVA, and its tiles are cut and joined by the operator of polyscale.
"""
