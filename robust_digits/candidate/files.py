"""The folder that a judgement leaves, written whole or not at all."""

from pathlib import Path

from robust_digits import files
from robust_digits.candidate import page, pictures
from robust_digits.candidate.told import Judged
from robust_digits.data.images import ImageSet
from robust_digits.judge import checks, evidence, scoring


def save(folder: Path, found: Judged, images: ImageSet) -> None:
    """Write figures, checks, evidence and page in the place of what stood in the folder."""
    drawn = pictures.draw(found.name, found.evidence, images)
    with files.replacing(folder) as temporary:
        temporary.mkdir()
        places = scoring.Places(*(temporary / name for name in ("metrics.json", "details.json", "verdicts.csv")))
        scoring.save(found.evidence, places)
        checks.save(temporary / "sanity.json", {found.name: found.checks})
        evidence.save(temporary / "evidence.npz", found.evidence)
        files.write(temporary / "page.html", page.page(found, drawn))
