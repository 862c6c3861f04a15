"""What runs beside untrusted programs: the standard library alone, started in a clean process.

The zygote imports this package by itself, without the rest of Alchemist, so every module
here uses relative imports and nothing but the standard library.
"""
