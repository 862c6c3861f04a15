# EXPECT: exception | getattr handed to map and reduce | smolagents, CVE-2025-5120
import functools
def label(text):
    u = '_' + '_'
    walk = functools.partial(functools.reduce, getattr)
    base = walk([u + 'class' + u, u + 'base' + u], ())
    subclasses = list(map(getattr, [base], [u + 'subclasses' + u]))[0]
    return [c for c in subclasses() if 'Popen' in str(c)][0](['touch', '@DIR@/was_here']).wait()
