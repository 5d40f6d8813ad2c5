"""Kinds of question: the categories of the data, and what questions about positions ask for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RELATIONS = ("left or right", "above or below", "nearer or farther")
"""What questions of one category may ask for; a model that tells one may not tell another."""


def question_kinds(
    categories: Sequence[str] | NDArray[np.object_],
    texts: Sequence[str] | NDArray[np.object_] | None,
) -> dict[str, NDArray[np.int64]]:
    """The indices of the questions of each kind, rising.

    A category whose questions ask for several relations is followed by each of them, so that some
    questions are counted twice.

    Args:
        categories: of each question (num_questions,).
        texts: what is asked (num_questions,); None gives the categories alone.

    >>> asked = ["Is it left or right?", "Is it nearer or farther?", "Is it left or right?"]
    >>> {name: own.tolist() for name, own in question_kinds(["position"] * 3, asked).items()}
    {'position': [0, 1, 2], 'position: left or right': [0, 2], 'position: nearer or farther': [1]}
    """
    groups: dict[str, dict[str, list[int]]] = {}
    asked = [""] * len(categories) if texts is None else texts
    for index, (category, text) in enumerate(zip(categories, asked, strict=True)):
        relation = next((words for words in RELATIONS if words in text.lower()), "")
        groups.setdefault(category, {}).setdefault(relation, []).append(index)
    kinds = {}
    for category, relations in groups.items():
        kinds[category] = sorted(index for own in relations.values() for index in own)
        if len(relations) > 1:
            kinds |= {f"{category}: {words}": own for words, own in relations.items() if words}
    return {name: np.array(own, dtype=np.int64) for name, own in kinds.items()}
