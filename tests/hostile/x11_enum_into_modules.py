# EXPECT: policy exception | global_enum writes members into another module | docs.python.org/3/library/enum.html#enum.global_enum
import enum
def label(text):
    members = enum.global_enum(enum.Enum('E', {'open': 1}, module='re'))
    return len(members)
