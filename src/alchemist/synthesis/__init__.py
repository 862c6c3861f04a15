"""Synthesis: asking a language model for programs, and reading what it answers.

Pure functions: a Brief and the answers so far give the next asks, an answer's text gives
programs. Who sends the asks, and where programs are kept, is for the flows to say.
"""
