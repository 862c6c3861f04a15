"""The names, units and meanings of what local_audio measures."""

from alchemist.core.concepts import Feature

THIRDS = ("start", "middle", "end")
BANDS = {"low": (0, 500), "mid": (500, 1500), "high": (1500, 3500), "veryhigh": (3500, 1e9)}
FORMANTS = {"formant1": (200, 950), "formant2": (950, 2700)}
PITCHES = (60, 500)


def _features() -> tuple[Feature, ...]:
    top = 200_000.0
    plain = [
        ("duration_s", "s", "length of the recording", 0, 1e6),
        ("voiced_duration_s", "s", "length of what sounds, from its first to its last frame", 0, 1e6),
        ("silence_share", "share", "share of the recording that is silent", 0, 1),
        ("loudness_db", "dB", "mean loudness of what sounds; 0 is as loud as a file can be", -100, 10),
        ("loudness_range_db", "dB", "from the 10 % softest to the 10 % loudest of it", 0, 100),
        ("attack_s", "s", "from the first sound to the loudest", 0, 1e6),
        ("energy_peaks", "count", "how often loudness rises and falls (syllables, knocks)", 0, 1e6),
        ("pitch_hz", "Hz", "median pitch of what has one", *PITCHES),
        ("pitch_range_hz", "Hz", "how far the pitch moves", 0, 500),
        ("pitched_share", "share", "share of the sounding frames that have a pitch", 0, 1),
        ("spectral_bandwidth_hz", "Hz", "how far the spectrum spreads", 0, top),
        ("rolloff85_hz", "Hz", "85 % of the energy lies below", 0, top),
        ("flatness", "0-1", "1 noise, 0 a clear tone", 0, 1),
        ("centroid_slope", "Hz/s", "how fast the sound gets brighter", -1e7, 1e7),
    ]  # fmt: skip
    by_third = [
        ("zero_crossing_rate_%s", "share", "how often the wave changes sign, of its samples", 0, 1),
        ("spectral_centroid_%s_hz", "Hz", "centre of the spectrum (brightness)", 0, top),
        *((f"energy_{b}_%s", "share", _band(b), 0, 1) for b in BANDS),
        *((f"{f}_%s_hz", "Hz", f"strongest frequency in {a}-{b} Hz", a, b) for f, (a, b) in FORMANTS.items()),
    ]  # fmt: skip
    fricative = [
        (f"fricative_{third}", "ratio", f"energy above 2000 Hz by that below, at the {third}", 0, 1e9)
        for third in ("start", "end")
    ]  # fmt: skip
    thirds = [
        (name % third, unit, f"{meaning}, at the {third}", low, high)
        for name, unit, meaning, low, high in by_third
        for third in THIRDS
    ]
    return tuple(
        Feature(name, unit, meaning, low, high, family=_family(name))
        for name, unit, meaning, low, high in (*plain, *thirds, *fricative)
    )


def _band(band: str) -> str:
    low, high = BANDS[band]
    return (
        f"share of energy above {low} Hz" if high > 1e6 else f"share of energy in {low}-{high} Hz"
    )


def _family(name: str) -> str:
    for family, marks in (
        ("pitch", ("pitch",)),
        ("loudness", ("loudness", "attack", "peaks")),
        ("duration", ("duration", "silence")),
        ("formant", ("formant",)),
    ):
        if any(mark in name for mark in marks):
            return family
    return "spectrum"


FEATURES = _features()
