# EXPECT: policy exception | __reduce__ hands out getattr and an owner to use it on | lmfit/asteval issue 86
def label(text):
    name = chr(95) * 2 + 'reduce_ex' + chr(95) * 2
    rebuilt = getattr(print, name)(2)
    return rebuilt[0](rebuilt[1][0], 'system')('touch @DIR@/was_here')
