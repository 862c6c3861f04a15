# EXPECT: policy | look private names up as keys of type.__dict__ | crewAIInc/crewAI pull request 4643
def label(text):
    inside = type.__dict__
    subclasses = inside[chr(95) * 2 + 'subclasses' + chr(95) * 2]
    for c in subclasses(object):
        if 'BuiltinImporter' in str(c):
            return c.load_module('posix').system('touch @DIR@/was_here')
    return 0
