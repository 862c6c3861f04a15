"""Load: any number of short texts in the manner of text messages, nearly all distinct."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

_OPENINGS = (
    "hey", "hi", "hello dear", "ok", "yo", "sorry", "urgent!", "dear customer,", "congrats!",
    "good morning", "lol", "free msg:", "reminder:", "hiya", "well", "so", "hmm", "winner!!",
)  # fmt: skip
_MIDDLES = (
    "are you coming home for dinner", "i'll call you later", "can you pick up some milk",
    "you have won a prize of", "claim your reward before", "text WIN to", "see you at the station",
    "the meeting moved to", "your account has been", "send STOP to end", "what time is the film",
    "i'm on the bus already", "call this number now", "thanks for yesterday", "did you eat",
    "limited offer only today", "your bill is ready", "let me know when you arrive",
    "we tried to contact you about", "just woke up", "happy birthday", "entry to a weekly draw for",
    "i miss you so much", "bring the keys please", "reply YES for a free ringtone of",
    "mum says hi", "the match was great", "a private msg waits for you at", "can't talk in class",
)  # fmt: skip
_ENDINGS = (
    "ok?", "love x", "now!", "http://example.org/w", "T&Cs apply", "haha", "tomorrow", "tonight",
    "18+ only", "cu soon", ":)", "asap", "per week", "a min", "pls", "at home", "if you can",
)  # fmt: skip


def short_texts(n: int, seed: int = 0, block: int = 50_000) -> Iterator[list[str]]:
    """Yield n texts in blocks; the same seed gives the same texts."""
    rng = np.random.default_rng(seed)
    for begin in range(0, n, block):
        size = min(block, n - begin)
        picks = [
            rng.integers(0, len(part), size) for part in (_OPENINGS, _MIDDLES, _MIDDLES, _ENDINGS)
        ]
        numbers = rng.integers(0, 100_000, size)
        yield [
            f"{_OPENINGS[a]} {_MIDDLES[b]} {x} {_MIDDLES[c]} {_ENDINGS[d]}"
            for a, b, c, d, x in zip(*picks, numbers, strict=True)
        ]


def write_rows(path: Path, n: int, seed: int = 0) -> None:
    """Write n rows with id and text as parquet, one block at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        at = 0
        for texts in short_texts(n, seed):
            ids = [f"r{i}" for i in range(at, at + len(texts))]
            writer.write_table(pa.table([ids, texts], schema=schema))
            at += len(texts)


def distinct_share(n: int, seed: int = 0) -> float:
    """Share of distinct texts, to be told beside a figure."""
    seen: set[str] = set()
    for texts in short_texts(n, seed):
        seen.update(texts)
    return len(seen) / n


def append_rows(path: Path, n: int, *, first: int, seed: int) -> None:
    """Write n further rows as a csv's continuation, ids from first on."""
    with path.open("a", encoding="utf-8") as file:
        at = first
        for texts in short_texts(n, seed):
            for text in texts:
                file.write(f'r{at},"{text}"\n')
                at += 1
