"""What prompts tell a model about the walls its programs will meet.

The sandbox decides; this is its list of modules in words, and a test keeps them together.
"""

MODULES = (
    "re",
    "string",
    "math",
    "unicodedata",
    "collections",
    "datetime",
    "json",
    "statistics",
    "itertools",
    "functools",
    "operator",
    "typing",
    "dataclasses",
    "enum",
    "difflib",
    "textwrap",
    "html",
    "fractions",
    "decimal",
    "bisect",
    "heapq",
    "numbers",
    "abc",
)
