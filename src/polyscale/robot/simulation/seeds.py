"""Seeds of scenes: for each purpose a range of its own, so that no scene serves two purposes."""

SCENES_PER_RECORDING = 1_000_000
"""Number of scenes reserved for a recording; recordings with different seeds share no scene."""

MAX_RECORDING_SEED = 1_000
"""Largest seed of a recording."""

RECORDING = range((MAX_RECORDING_SEED + 1) * SCENES_PER_RECORDING)
"""Scenes of demonstrations."""

TUNING = range(2 * 10**9, 3 * 10**9)
"""Scenes by which the defaults of the task were chosen."""

ACTING = range(3 * 10**9, 4 * 10**9)
"""Scenes in which a finished policy acts."""

VALIDATION = range(5 * 10**9, 6 * 10**9)
"""Scenes by which candidates are chosen."""

EVALUATION = range(10**10, 11 * 10**9)
"""Scenes in which policies are tested."""
