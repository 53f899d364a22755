"""The pictures of one model, as PNG to be put into a page."""

from pathlib import Path
from tempfile import TemporaryDirectory

from robust_digits.data.images import ImageSet
from robust_digits.draw import bracket, charts, digits, galleries
from robust_digits.judge.evidence import Evidence


def draw(name: str, evidence: Evidence, images: ImageSet) -> dict[str, bytes]:
    """Return the pictures by their titles: accuracies, curves, fates, the strongest attack, what is wrong anyway."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "picture.png")

        def drawn(title: str) -> tuple[str, bytes]:
            return title, path.read_bytes()

        found = []
        charts.standing(path, evidence)
        found.append(drawn("Right in each view, with 95% intervals"))
        charts.security(path, {name: evidence})
        found.append(drawn("Accuracy over the size of the perturbation"))
        bracket.bracket(path, {name: evidence})
        found.append(drawn("Proven, open and broken images"))
        digits.attack(path, evidence, model=name)
        found.append(drawn("The strongest attack"))
        galleries.mistakes(path, images, evidence, model=name)
        found.append(drawn("Wrong without any attack"))
        return dict(found)
