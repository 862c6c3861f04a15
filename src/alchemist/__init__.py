"""Label data with programs a language model writes, instead of a model call per row."""

__version__ = "0.1.0"
