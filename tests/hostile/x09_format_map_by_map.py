# EXPECT: policy exception | str.format_map reached without calling it by name | Jinja2, CVE-2019-10906
def label(text):
    shown = list(map(str.format_map, ['{x.__init__.__globals__}'], [{'x': Exception}]))
    return len(shown)
