# EXPECT: policy exception | annotations as text are evaluated by get_type_hints | docs.python.org/3/library/typing.html#typing.get_type_hints
import typing
def victim(x: "__import__('os').system('touch @DIR@/was_here')"): pass
def label(text):
    typing.get_type_hints(victim)
    return 1
