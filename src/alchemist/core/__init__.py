"""The field's words as types: what every room may rely on, with numpy as the only import."""
