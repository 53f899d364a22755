"""The vocabulary: the views in which a model is judged, by their names in files and their labels for people.

A view is a way to show a model the test images: clean, as the stage `craft` has made them (`transfer`: by an attack
against the baseline; `white-box`: by the Fast Gradient Method against this very model), or under an attack of the
suite. The worst case sums the suite up, and what is certified is the proof beside it. Every table, picture and text
takes its words from here, and the names of attacks from their records.
"""

from robust_digits.attack.table import ATTACKS

CLEAN, FGM_TRANSFER, FGM_WHITE_BOX = "clean", "fgm_transfer", "fgm_white_box"
AUTOATTACK = "autoattack"  # the attack of the suite that others publish
WORST_CASE = "worst_case"
CERTIFIED = "certified"
CURVE = "APGD"  # what accuracy over eps is measured by, for people
NORMS: dict[str | int, str] = {"inf": "L-infinity", 1: "L1", 2: "L2"}

_TRANSFER = "_transfer"
_LABELS = {
    CLEAN: "clean",
    FGM_WHITE_BOX: "FGM white-box",
    WORST_CASE: "worst case",
    CERTIFIED: "certified",
}


def after(ensemble: str, member: str) -> str:
    """Return the name of the indicator that says what an ensemble left standing when a member was done."""
    return f"{ensemble}_after_{member}"


def transferred(attack: str) -> str:
    """Return the name of the view of an attack's set that was crafted against the baseline."""
    return f"{attack}{_TRANSFER}"


def of_suite(view: str) -> bool:
    """Return whether a view is under an attack of the suite, within its eps against this very model."""
    return view not in {CLEAN, FGM_WHITE_BOX} and not view.endswith(_TRANSFER)


def label(view: str, eps: float | None = None) -> str:
    """Return the name of a view for people; with `eps`, which is said where it is not 0: `FGM transfer, eps 0.5`.

    A view that this version does not know, out of the results of another one, is called by its name in the file.
    """
    known = _LABELS | {name: attack.label for name, attack in ATTACKS.items()}
    known |= {transferred(name): f"{attack.label} transfer" for name, attack in ATTACKS.items()}
    name = known.get(view, view.replace("_", " "))
    return f"{name}, eps {eps:g}" if eps else name
