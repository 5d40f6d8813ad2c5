"""Multimodal language models whose frozen vision tower runs over several scales.

Everything is a class of transformers: the tower is a `PreTrainedModel` that works inside the stock LLaVA
classes, on the one operator of polyscale.
"""
