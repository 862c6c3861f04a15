# EXPECT: exception | a str subclass that passes the check for private names | lmfit/asteval issue 32 (an object that changes between check and use)
class Name(str):
    def startswith(self, *a): return False
    def __eq__(self, other): return False
    def __hash__(self): return 7
def label(text):
    base = getattr(getattr((), Name('__class__')), Name('__base__'))
    for c in getattr(base, Name('__subclasses__'))():
        if 'wrap_close' in str(c):
            return getattr(getattr(c, Name('__init__')), Name('__globals__'))['system']('touch @DIR@/was_here')
    return 0
