"""What was found of a model, in words and tables: for the terminal and for the page."""

from collections.abc import Mapping
from dataclasses import dataclass

from robust_digits.attack.table import ATTACKS
from robust_digits.judge import checks as checking
from robust_digits.judge import scoring
from robust_digits.judge.checks import Check
from robust_digits.judge.evidence import Evidence
from robust_digits.judge.views import AUTOATTACK, CERTIFIED, NORMS, WORST_CASE, after, label

HEADER = ("view", "right", "95% interval", "images")


@dataclass(frozen=True)
class Judged:
    """A model by its name, the evidence, the checks of it, and what is to be said: what was done to the model.

    `available` images are in the data, of which the first were judged.
    """

    name: str
    evidence: Evidence
    checks: Mapping[str, Check]
    note: str
    data: str
    available: int

    @property
    def red(self) -> dict[str, Check]:
        """The checks that do not hold."""
        return {name: check for name, check in self.checks.items() if not check.passed}

    @property
    def trusted(self) -> bool:
        """Whether every check of the evaluation holds."""
        return not self.red


def headline(found: Judged) -> str:
    """Return the one figure that counts, as a sentence."""
    right = found.evidence.right(WORST_CASE)
    share = f"{scoring.accuracy(right):.1%}" if found.trusted else f"not trusted: {scoring.accuracy(right):.1%}"
    return f"{found.name}: {share} of {len(right):,} images stand within {ball(found.evidence)}"


def ball(evidence: Evidence) -> str:
    """Return the ball in words: `eps 0.03 (L-infinity)`."""
    made = evidence.made[WORST_CASE]
    return f"eps {made.eps:g} ({NORMS[made.norm or 'inf']})"


def rows(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    """Return a row for each view: its name, the share that is right, the 95% interval, the number of images."""
    shares = evidence.verdicts()
    if evidence.certified is not None:
        shares[CERTIFIED] = evidence.certified
    found = []
    for view, right in shares.items():
        low, high = scoring.interval(int(right.sum()), len(right))
        ends = f"{low:.1%} to {high:.1%}"
        found.append((label(view), f"{scoring.accuracy(right):.1%}", ends, f"{len(right):,}"))
    return found


def members(evidence: Evidence) -> str:
    """Return what is left after each member of AutoAttack, in the order in which they ran."""
    left = ((ATTACKS[name].label, evidence.indicators[after(AUTOATTACK, name)]) for name in ATTACKS[AUTOATTACK].members)
    return "AutoAttack, right after each member: " + ", ".join(f"{name} {share:.1%}" for name, share in left)


def bracket(evidence: Evidence) -> str:
    """Return between which ends true robust accuracy on these images lies."""
    worst = f"{scoring.accuracy(evidence.right(WORST_CASE)):.1%}"
    undecided = scoring.undecided(evidence)
    if evidence.certified is None or undecided is None:
        reason = evidence.made[CERTIFIED].settings["reason"]
        return f"at most {worst} are robust (worst case); nothing is proven: {reason}"
    proven, width = scoring.accuracy(evidence.certified), scoring.accuracy(undecided)
    return f"between {proven:.1%} (certified) and {worst} (worst case) are robust: {width:.1%} are open"


def verdict(found: Judged) -> str:
    """Return how many checks hold, and what it means if one does not."""
    if found.trusted:
        return f"checks: all {len(found.checks)} hold"
    count = len(found.red)
    return f"checks: {count} of {len(found.checks)} red: the figures cannot be trusted"


def lines(found: Judged) -> list[str]:
    """Return what a terminal shows in the end."""
    table = [HEADER, *rows(found.evidence)]
    return [
        headline(found),
        "",
        *(f"{view:<14}{right:>7}  {ends:>16}  {images:>7}" for view, right, ends, images in table),
        "",
        members(found.evidence),
        bracket(found.evidence),
        verdict(found),
        *(f"RED  {checking.amount(check)}  {name}: {check.says}" for name, check in found.red.items()),
    ]


def how(evidence: Evidence) -> list[tuple[str, str, str]]:
    """Return how each figure was made: its name, the ball, the settings."""
    made = {view: evidence.made[view] for view in [*evidence.verdicts(), CERTIFIED]}
    return [
        (
            label(view),
            f"eps {each.eps:g}, {NORMS[each.norm]}" if each.norm else "none",
            ", ".join(f"{key} {_said(value)}" for key, value in each.settings.items()),
        )
        for view, each in made.items()
    ]


def _said(value: object) -> str:
    return ", ".join(label(each) for each in value) if isinstance(value, list) else str(value)
