# EXPECT: policy | replace a function's code object through assignment | smolagents, CVE-2026-4963 (pull request 2281)
def other(): pass
def label(text):
    other.__code__ = (lambda: __import__('os').system('touch @DIR@/was_here')).__code__
    other.__globals__ |= {}
    return other()
