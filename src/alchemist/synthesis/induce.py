"""Induce: programs without any language model, from a few rows whose class is known.

Words, phrases, word beginnings and the shape of a text are counted per class. For a term t
with k of s rows in class y, and the rows split into class y and the rest,

    weight[t, y]  = ln((k + a) / (n_y + 2a)) − ln((s − k + a) / (n − n_y + 2a))
    z[t, y]       = weight / √(1/(k + a) + 1/(s − k + a))          evidence against chance
    low[t, y]     = Wilson's lower bound of k / s                  a floor for precision

Two forms come of it: lists, which speak for one class when any of its best terms appears, and
scores, which add the weights a logistic regression gives the terms of one kind and speak when
the lead is clear. How clear is learned by leaving rows out in turn; so are the figures in the
docstrings.

Sources: Monroe, Colaresi and Quinn, 2008, Political Analysis 16(4), doi:10.1093/pan/mpn018;
Wilson, 1927, JASA 22(158), doi:10.1080/01621459.1927.10502953.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from alchemist.core.errors import BadRows
from alchemist.core.program import Origin, Program
from alchemist.synthesis.harvest import program_name

Floats = NDArray[np.float64]
Terms = Callable[[str], set[str]]

_SMOOTHING = 0.5
_FOLDS = 5

# Chosen on validation rows of text sets, draws of 100 known rows each, once for all.
_LIST_TERMS = 12
_LISTS_PER_CLASS = 2
_LEAST_PRECISION = 0.85
_SCORE_TERMS = 300
_PENALTY = 10.0
_LET_THROUGH = (0.0, 0.1, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Induced:
    """A program and what the known rows say about it.

    Attributes:
        program: The program, with origin "induced".
        votes: Known rows it spoke on, each left out when it was judged.
        right: Of those, how many it labeled right.
        precision_low: Wilson's lower bound of the share that is right.
    """

    program: Program
    votes: int
    right: int
    precision_low: float


@dataclass(frozen=True, slots=True)
class View:
    """One way to take a text apart.

    Attributes:
        name: In a few words, for the docstring.
        terms: The terms of a text.
        code: Python lines that compute `found`, the same set, from `text`.
    """

    name: str
    terms: Terms
    code: str


def induce(
    rows: Sequence[Mapping[str, str]],
    labels: Sequence[int],
    classes: Sequence[str],
    parameters: Sequence[str] = ("text",),
) -> tuple[Induced, ...]:
    """Write programs from rows whose class is known.

    Args:
        rows: n rows, each a mapping from input name to its text.
        labels: n class indices.
        classes: k class names.
        parameters: The parameters of a program, one for each input in order.

    Raises:
        BadRows: There are too few rows, or only one class has any.
    """
    labels_ = np.asarray(labels)
    present = np.unique(labels_)
    if len(rows) < 10 or len(present) < 2:
        raise BadRows(
            f"Inducing programs needs 10 or more known rows of at least two classes; there are "
            f"{len(rows)} rows of {len(present)}."
        )
    texts = ["\n".join(row.values()) for row in rows]
    drafts: list[_Draft | None] = []
    for view in VIEWS:
        table = _Table.of([view.terms(text) for text in texts], labels_, len(classes))
        drafts += [*_lists(view, table, classes), _score(view, table, classes)]
    taken: set[str] = set()
    return tuple(_finish(draft, parameters, taken) for draft in drafts if draft and draft.votes)


@dataclass(frozen=True, slots=True)
class _Draft:
    idea: str
    body: str
    imports: str
    votes: int
    right: int


@dataclass(frozen=True, slots=True)
class _Table:
    """Terms by rows: names (v,), present (n, v) bool, onehot (n, k)."""

    names: tuple[str, ...]
    present: NDArray[np.bool_]
    onehot: Floats

    @classmethod
    def of(cls, terms: Sequence[set[str]], labels: NDArray[np.int_], k: int) -> "_Table":
        counts: dict[str, int] = {}
        for one in terms:
            for term in one:
                counts[term] = counts.get(term, 0) + 1
        names = tuple(sorted(t for t, c in counts.items() if 2 <= c < len(terms)))
        index = {name: i for i, name in enumerate(names)}
        present = np.zeros((len(terms), len(names)), dtype=bool)
        for row, one in enumerate(terms):
            present[row, [index[t] for t in one if t in index]] = True
        return cls(names, present, np.eye(k)[labels])

    def without(self, held_out: NDArray[np.bool_]) -> "_Table":
        return _Table(self.names, self.present[~held_out], self.onehot[~held_out])

    def counts(self) -> tuple[Floats, Floats, Floats]:
        """Rows with a term by class (v, k), rows with it (v, 1), rows by class (k,)."""
        inside = self.present.T.astype(float) @ self.onehot
        return inside, inside.sum(axis=1, keepdims=True), self.onehot.sum(axis=0)

    def weights(self) -> tuple[Floats, Floats, Floats]:
        """weight, z and low, each (v, k)."""
        inside, support, sizes = self.counts()
        a, n = _SMOOTHING, len(self.onehot)
        outside = support - inside
        weight = np.log((inside + a) / (sizes + 2 * a)) - np.log(
            (outside + a) / (n - sizes + 2 * a)
        )
        z = weight / np.sqrt(1 / (inside + a) + 1 / (outside + a))
        return weight, z, wilson_low(inside, support)


def wilson_low(right: Floats, votes: Floats, z: float = 1.0) -> Floats:
    """Lower bound of a share: right of votes, at z standard errors; 0 where nobody voted."""
    n = np.maximum(votes, 1e-9)
    p = right / n
    centre = p + z**2 / (2 * n)
    spread = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # With nobody right both terms are equal, and rounding may leave less than nothing.
    low: Floats = np.where(votes > 0, np.maximum(centre - spread, 0) / (1 + z**2 / n), 0.0)
    return low


def _folds(table: _Table) -> list[NDArray[np.bool_]]:
    """Rows to leave out in turn: every fifth of each class, so that none goes missing."""
    order = np.cumsum(table.onehot, axis=0)[table.onehot.astype(bool)]
    return [order % _FOLDS == fold for fold in range(_FOLDS)]


def _lists(view: View, table: _Table, classes: Sequence[str]) -> list[_Draft]:
    """One-class programs: any of the class's best terms, dealt out so that lists differ."""
    drafts = []
    for y, name in enumerate(classes):
        for hand in range(_LISTS_PER_CLASS):
            chosen = _choose(table, y, hand)
            if len(chosen) < 2:
                continue
            votes, right = _judged(table, y, hand)
            terms = [table.names[i] for i in chosen]
            prior = float(table.onehot[:, y].mean())
            low = wilson_low(np.array(float(right)), np.array(float(votes)))
            if low <= max(prior, _LEAST_PRECISION):
                continue
            idea = f"{view.name} of {name}: {', '.join(map(_shown, terms[:3]))} and the like"
            body = (
                f"TERMS = {_literal(terms)}\n\n\n{{head}}\n{view.code}\n"
                f"    return {name!r} if not TERMS.isdisjoint(found) else None\n"
            )
            drafts.append(_Draft(idea, body, "import re\n", votes, right))
    return drafts


def _judged(table: _Table, y: int, hand: int) -> tuple[int, int]:
    """How often a list speaks on rows it was not chosen from, and how often it is right."""
    votes = right = 0
    for held_out in _folds(table):
        again = _choose(table.without(held_out), y, hand)
        spoke = table.present[held_out][:, again].any(axis=1)
        votes += int(spoke.sum())
        right += int(table.onehot[held_out][spoke, y].sum())
    return votes, right


def _choose(table: _Table, y: int, hand: int) -> list[int]:
    """Term indices of one list: likely better than chance, precise, dealt by rank."""
    _, z, low = table.weights()
    prior = table.onehot[:, y].mean()
    good = np.flatnonzero((z[:, y] > 1.0) & (low[:, y] > max(prior, 0.5)))
    ranked = good[np.argsort(-z[good, y], kind="stable")]
    return [int(i) for i in ranked[hand::_LISTS_PER_CLASS][:_LIST_TERMS]]


def _score(view: View, table: _Table, classes: Sequence[str]) -> _Draft | None:
    """A program that adds weights and speaks when the best class leads clearly."""
    if len(table.names) < 5:
        return None
    margins, truth, said = _held_out_scores(table)
    bar = _bar(margins, said == truth)
    if bar is None:
        return None
    spoke = margins >= bar
    chosen, weight, bias = _weights_of(table)
    pairs = sorted(zip((table.names[i] for i in chosen), weight.tolist(), strict=True))
    rows = "".join(
        f"    {term!r}: ({', '.join(f'{w:.2f}' for w in values)}),\n" for term, values in pairs
    )
    body = (
        f"CLASSES = {tuple(classes)!r}\nBIAS = ({', '.join(f'{b:.2f}' for b in bias)},)\n"
        f"WEIGHTS = {{\n{rows}}}\n\n\n{{head}}\n{view.code}\n"
        "    known = [WEIGHTS[term] for term in sorted(found) if term in WEIGHTS]\n"
        "    size = max(1, len(known)) ** 0.5\n"
        "    scores = [sum(w[y] for w in known) / size + BIAS[y] for y in range(len(CLASSES))]\n"
        "    order = sorted(range(len(CLASSES)), key=lambda y: -scores[y])\n"
        f"    clear = scores[order[0]] - scores[order[1]] >= {bar:.2f}\n"
        "    return CLASSES[order[0]] if known and clear else None\n"
    )
    idea = f"Weighing {view.name.casefold()}: adds what each says for every class"
    return _Draft(idea, body, "import re\n", int(spoke.sum()), int((said == truth)[spoke].sum()))


def _weights_of(table: _Table) -> tuple[NDArray[np.intp], Floats, Floats]:
    """The most telling terms (t,), their weights (t, k), and a bias for each class (k,)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    _, z, _ = table.weights()
    chosen = np.argsort(-np.abs(z).max(axis=1), kind="stable")[:_SCORE_TERMS]
    labels = table.onehot.argmax(axis=1)
    weight = np.zeros((len(chosen), table.onehot.shape[1]))
    bias = np.full(table.onehot.shape[1], -9.0)
    present = np.unique(labels)
    if len(present) < 2:
        bias[present] = 0.0
        return chosen, weight, bias
    model = LogisticRegression(C=_PENALTY, class_weight="balanced", max_iter=300)
    with threadpool_limits(1):  # a hundred rows: threads cost more than they bring
        model.fit(_lengths_one(table.present[:, chosen]), labels)
    coef, intercept = model.coef_, model.intercept_
    if len(present) == 2:
        # scikit-learn keeps one side of two classes; ours have one each.
        coef, intercept = np.vstack([-coef, coef]) / 2, np.array([-1, 1]) * intercept / 2
    weight[:, present] = coef.T
    bias[present] = intercept
    return chosen, weight, bias


def _lengths_one(present: NDArray[np.bool_]) -> Floats:
    """Rows of 0 and 1 scaled to length one; rows without a term stay 0."""
    scaled: Floats = present / np.sqrt(np.maximum(present.sum(axis=1, keepdims=True), 1))
    return scaled


def _held_out_scores(table: _Table) -> tuple[Floats, NDArray[np.int_], NDArray[np.int_]]:
    """Lead of the best class, true class and class said, for every row scored without itself."""
    n = len(table.onehot)
    margins, said = np.zeros(n), np.zeros(n, dtype=int)
    for held_out in _folds(table):
        chosen, weight, bias = _weights_of(table.without(held_out))
        present = table.present[held_out][:, chosen].astype(float)
        scores = _lengths_one(table.present[held_out][:, chosen]) @ weight + bias
        ordered = np.sort(scores, axis=1)
        lead = ordered[:, -1] - ordered[:, -2]
        margins[held_out] = np.where(present.any(axis=1), lead, -1.0)
        said[held_out] = scores.argmax(axis=1)
    return margins, table.onehot.argmax(axis=1), said


def _bar(margins: Floats, right: NDArray[np.bool_]) -> float | None:
    """The lead from which on votes are trusted; None where they never are.

    Of the leads that let most rows through, the one with the best floor under its precision,
    and the lowest of equal ones.
    """
    if not (margins >= 0).any():
        return None
    best, bar = 0.0, None
    for candidate in np.quantile(margins[margins >= 0], _LET_THROUGH):
        spoke = margins >= candidate
        low = float(wilson_low(np.array(float(right[spoke].sum())), np.array(float(spoke.sum()))))
        if low > best:
            best, bar = low, float(candidate)
    return bar


def _finish(draft: _Draft, parameters: Sequence[str], taken: set[str]) -> Induced:
    low = float(wilson_low(np.array(float(draft.right)), np.array(float(draft.votes))))
    told = f"{draft.idea} (spoke on {draft.votes} known rows, right on at least {low:.0%})"
    head = f"def label({', '.join(parameters)}):\n    {_docstring(told)}"
    joined = " + '\\n' + ".join(parameters)
    if tuple(parameters) != ("text",):
        head += f"\n    text = {joined}"
    source = f"{draft.imports}\n{draft.body}".replace("{head}", head)
    name = program_name(draft.idea, taken, fallback="induced")
    taken.add(name)
    program = Program(name, source, Origin(origin="induced", strategy="induce"))
    return Induced(program, draft.votes, draft.right, low)


def _docstring(text: str) -> str:
    return '"""' + text.replace("\\", "\\\\").replace('"', "'").replace("\n", " ") + '"""'


def _shown(term: str) -> str:
    return term.replace("\x1f", " ").strip() or "space"


def _literal(terms: Sequence[str]) -> str:
    return "{" + ", ".join(repr(term) for term in terms) + "}"


_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _phrases(text: str) -> set[str]:
    words = _WORD.findall(text.lower())
    return {f"{a} {b}" for a, b in pairwise(words)}


def _beginnings(text: str) -> set[str]:
    return {word[:5] for word in _WORD.findall(text.lower())}


def _pieces(text: str) -> set[str]:
    flat = " ".join(text.lower().split())
    return {flat[i : i + 4] for i in range(len(flat) - 3)}


def _shape(text: str) -> set[str]:
    words = text.split()
    found = {f"about 2^{len(words).bit_length()} words"}
    found |= {f"mark {c}" for c in text if not c.isalnum() and not c.isspace()}
    for name, pattern in _SHAPES:
        hits = len(re.findall(pattern, text))
        found |= {f"{name} x{n}" for n in (1, 2, 4, 8) if hits >= n}
    return found


_SHAPES = (
    ("link", r"https?:|www\.|\.com\b"),
    ("number", r"\d+"),
    ("long number", r"\d{5,}"),
    ("capitals", r"\b[A-Z]{3,}\b"),
    ("name", r"\b[A-Z][a-z]+"),
    ("repeat", r"(.)\1\1"),
    ("line", r"\n"),
)
_WORD_CODE = r're.findall(r"[^\W_]+(?:' + "'" + r'[^\W_]+)?", text.lower())'

VIEWS = (
    View("Words", _words, f"    found = set({_WORD_CODE})"),
    View(
        "Phrases",
        _phrases,
        f"    words = {_WORD_CODE}\n"
        '    found = {f"{words[i]} {words[i + 1]}" for i in range(len(words) - 1)}',
    ),
    View(
        "Beginnings",
        _beginnings,
        f"    found = {{word[:5] for word in {_WORD_CODE}}}",
    ),
    View(
        "Pieces",
        _pieces,
        '    flat = " ".join(text.lower().split())\n'
        "    found = {flat[i : i + 4] for i in range(len(flat) - 3)}",
    ),
    View(
        "Shape",
        _shape,
        '    found = {f"about 2^{len(text.split()).bit_length()} words"}\n'
        '    found |= {f"mark {c}" for c in text if not c.isalnum() and not c.isspace()}\n'
        f"    for name, pattern in {_SHAPES!r}:\n"
        "        hits = len(re.findall(pattern, text))\n"
        '        found |= {f"{name} x{n}" for n in (1, 2, 4, 8) if hits >= n}',
    ),
)
