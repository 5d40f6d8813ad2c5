"""Which images are unusual: rare looks, and labels that could as well be another one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import entropy, rankdata
from sklearn.neighbors import NearestNeighbors

UNUSUAL = 0.9
"""An image is rare or ambiguous if it is more so than this share of the images that it is compared
with."""

NUM_NEIGHBOURS = 10

Features = Float[np.ndarray, "num dim"]
Labels = Int[np.ndarray, " num"]
Scores = Float[np.ndarray, " num"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ambiguity:
    """How ambiguous the labels of images are, by three scores of a classifier's probabilities.

    Attributes:
        entropy: of the probabilities, in nats.
        margin: between the two largest probabilities.
        label_quality: cleanlab's score of the label, 0 to 1; a low one hints at a wrong label.
        rank: share of the images that are less ambiguous: the median over the three scores.
    """

    entropy: Scores
    margin: Scores
    label_quality: Scores
    rank: Scores


def ambiguity(probabilities: Float[np.ndarray, "num num_classes"], labels: Labels) -> Ambiguity:
    """Score images from which the classifier has not learned.

    Args:
        probabilities: of each class; each row sums to 1.
        labels: the classes that the images are said to have.
    """
    from cleanlab.rank import get_label_quality_scores  # takes a second

    ordered = np.sort(probabilities, axis=1)
    own_entropy, margin = entropy(probabilities, axis=1), ordered[:, -1] - ordered[:, -2]
    quality = get_label_quality_scores(labels, probabilities)
    ranks = [(rankdata(s) - 0.5) / len(s) for s in (own_entropy, -margin, -quality)]
    return Ambiguity(
        entropy=own_entropy, margin=margin, label_quality=quality, rank=np.median(ranks, axis=0)
    )


def rarity(
    train: Features, train_labels: Labels, test: Features, test_labels: Labels
) -> Float[np.ndarray, " num_test"]:
    """How rare each test image looks among the training images of its class, 0 to 1.

    An image is as far out as its mean cosine distance to its ten nearest training images of its
    class. The value is the share of these training images that are less far from each other.

    Args:
        train: features of the training images, at least two of each class.
        train_labels: their classes.
        test: features of the test images.
        test_labels: their classes, each of which a training image has.
    """
    rare = np.empty(len(test))
    for label in np.unique(test_labels):
        own, asked = train[train_labels == label], test_labels == label
        k = min(NUM_NEIGHBOURS, len(own) - 1)
        near = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(own)
        known = np.sort(near.kneighbors()[0].mean(axis=1))  # no row is its own neighbour
        distances = near.kneighbors(test[asked])[0].mean(axis=1)
        rare[asked] = np.searchsorted(known, distances) / len(known)
    return rare
