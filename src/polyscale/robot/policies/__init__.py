"""Policies: what they are, how they learn from demonstrations, act in a scene and are judged."""
