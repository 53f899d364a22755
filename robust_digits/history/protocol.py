"""Whether two revisions were judged alike: which stages ran again, and what moved of the data, the attack, the checks.

Hashes tell. What was judged, models and the evidence on them, may change; where what judges did, parameters, code and
the test images, figures answer another question.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from robust_digits.history.lineage import Stage

NEW, GONE = "new", "gone"  # of a stage that only one of the two has
TEST_IMAGES = "data/normalized/test"  # on which everything is judged
EXEMPT = {  # what the judging stages read, and why a change of it judges nothing otherwise
    "threads": "may change the last bits of a sum",
    "models": "which models are judged, not how",
    "robust_digits/draw/": "pictures judge nothing",
}
_JUDGING = ("fetch", "normalize", "evaluate@", "score@", "summarize")
_MADE = ("data/", "models/")  # by stages: what is judged, not how, but for the test images
_CRAFT = ("craft", "stages/craft.py")  # of this stage only its code judges; evaluate@ reads its parameters too
_KINDS = {  # what moved, by how the names of parameters, modules and files begin
    "the data": ("data.", "data/", "stages/fetch", "stages/normalize", "robust_digits/data/"),
    "the attack": (
        "craft.",
        "evaluate.",
        "stages/craft",
        "stages/evaluate",
        "robust_digits/attack/",
        "robust_digits/mix/",
        "robust_digits/plant/",
    ),
    "the evaluation": ("stages/score", "stages/summarize", "robust_digits/judge/"),
}
_OTHER = "what judges"


@dataclass(frozen=True)
class Rerun:
    """What a stage read otherwise than at the base; nothing if its results are those of the base."""

    name: str
    because: tuple[str, ...]
    same_results: bool

    @property
    def kind(self) -> str:
        """The name of the stage without that of the model that it is about."""
        return self.name.partition("@")[0]


def reruns(base: Mapping[str, Stage], here: Mapping[str, Stage]) -> tuple[Rerun, ...]:
    """Return what became of every stage, in the order of the pipeline, those that are gone last."""
    found = []
    for name in dict.fromkeys([*here, *base]):
        if name not in here or name not in base:
            found.append(Rerun(name, (NEW if name in here else GONE,), same_results=False))
        else:
            because = tuple(here[name].differences(base[name]))
            found.append(Rerun(name, because, same_results=here[name].outs == base[name].outs))
    return tuple(found)


def moved(stages: Iterable[Rerun]) -> tuple[str, ...]:
    """Return what judges otherwise than at the base: parameters, modules, commands, the test images, stages."""
    every = list(stages)
    judging = [stage for stage in every if stage.name.startswith(_JUDGING)]
    read = {name for stage in judging for name in stage.because if name not in {NEW, GONE}}
    found = {name for name in read if name == TEST_IMAGES or not name.startswith((*_MADE, *EXEMPT))}
    found |= {_CRAFT[1] for stage in every if stage.kind == _CRAFT[0] and _CRAFT[1] in stage.because}
    lasting = {stage.kind for stage in judging if not {NEW, GONE} & set(stage.because)}
    gone = {stage.kind for stage in judging if GONE in stage.because}
    return tuple(sorted(found | (gone - lasting)))  # what judged every model, and is no more, under this name


def kinds(names: Iterable[str]) -> list[str]:
    """Return what names belong to, each once, for people: the data, the attack, the evaluation, or what judges."""
    found = {_kind(name) for name in names}
    return [kind for kind in (*_KINDS, _OTHER) if kind in found]


def _kind(name: str) -> str:
    return next((kind for kind, starts in _KINDS.items() if name.startswith(starts)), _OTHER)
