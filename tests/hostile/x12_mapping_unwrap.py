# EXPECT: policy | a read-only view hands the dictionary behind it to __eq__ | bugs.python.org/issue43838
class Thief:
    def __eq__(self, other):
        other['len'] = lambda x: 0
        return True
def label(text):
    import types
    return 1 if types.MappingProxyType({}) == Thief() else 0
