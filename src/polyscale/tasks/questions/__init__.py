"""Questions about pictures, which a language model learns to answer from a candidate's features."""

from polyscale.tasks.questions.settings import QuestionSettings
from polyscale.tasks.questions.task import QuestionAnswering

__all__ = ["QuestionAnswering", "QuestionSettings"]
