"""tunewise for users of scikit-learn."""

from tunewise.sklearn.search import LLMSearchCV

__all__ = ["LLMSearchCV"]
