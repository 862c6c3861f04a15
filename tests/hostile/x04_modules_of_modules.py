# EXPECT: exception | public attributes of an allowed module lead to sys.modules | langflow pull request 15198 (bypass of CVE-2026-10561)
import enum
import json
import re
import statistics
def label(text):
    for find in (lambda: json.codecs.sys, lambda: re.enum.sys, lambda: statistics.random._os, lambda: enum.sys):
        try:
            found = find()
        except AttributeError:
            continue
        return found.modules['os'].system('touch @DIR@/was_here')
    raise LookupError('no way out')
