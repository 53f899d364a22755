"""Settings of every attack, small enough for a test."""

from robust_digits.attack.settings import Attacks, Noise, Plain, Queries, Restarts, Samples, Steps

FEW = Attacks(
    grey=Plain(),
    noise=Noise(draws=2),
    transfer=Plain(),
    fgm=Plain(),
    bim=Steps(steps=4),
    pgd=Restarts(steps=4, restarts=2),
    pgd_margin=Restarts(steps=4, restarts=2),
    square=Queries(queries=20),
    deepfool=Samples(samples=6),
    jsma=Samples(samples=6),
    universal=Samples(samples=6),
    virtual_adversarial=Samples(samples=6),
    carlini_wagner=Samples(samples=6),
    newtonfool=Samples(samples=6),
    hopskipjump=Samples(samples=6),
).chosen()
