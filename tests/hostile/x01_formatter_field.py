# EXPECT: policy | string.Formatter resolves attributes by itself | RestrictedPython, CVE-2026-76825 (GHSA-hp3v-5vw7-fx9w)
import json
import string
def label(text):
    field, _ = string.Formatter().get_field('0.__globals__[codecs].builtins.open', (json.loads,), {})
    field('@DIR@/was_here', 'w').write(text)
    return 1
