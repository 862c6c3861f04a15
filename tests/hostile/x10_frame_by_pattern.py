# EXPECT: policy | a class pattern reads attributes that code may not name | RestrictedPython, CVE-2023-37271 (frames of generators)
def label(text):
    match (x for x in [1]):
        case object(gi_frame=frame):
            return len(frame.f_back.f_globals)
    return 0
