"""An attack of the suite, handed block by block to workers on this machine, each a process of one thread."""

from distributed import LocalCluster

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.inputs import SEED, Inputs
from robust_digits import runtime
from robust_digits.attack.suite import Suite
from robust_digits.attack.table import Restarts
from robust_digits.crew.work import Crew
from robust_digits.data.images import ImageSet
from robust_digits.learn import models

_THREADS = 1


def pgd(given: Inputs, workers: str) -> Answer:
    """Climb by steps of one size from a random start, by so many workers."""
    runtime.start(seed=SEED, threads=_THREADS)
    whole = ImageSet(given.images, given.labels)
    settings = Restarts(steps=given.sizes["steps"], restarts=1)
    size = {"n_workers": int(workers), "threads_per_worker": _THREADS}
    cluster = LocalCluster(**size, dashboard_address=None)  # type: ignore[no-untyped-call]
    with cluster, cluster.get_client() as client:  # type: ignore[no-untyped-call]
        crew = Crew(client.get_executor(pure=False), given.model, threads=_THREADS)
        suite = Suite(models.load(given.model), eps=given.sizes["eps"], seed=SEED, crew=crew)

        def work() -> object:
            return suite.attack("pgd", settings, whole, whole.images)

        work()  # every worker compiles
        seconds = answer.timed(work)
    return Answer(seconds, len(whole), versions=answer.versions("distributed", "tensorflow", "keras", "numpy"))
