"""The arithmetic that proofs are about: a network as it runs in float32, not as its weights would run in real numbers.

What is assumed of it is IEEE 754 (Higham 2002, "Accuracy and Stability of Numerical Algorithms", chapters 2 and 3):

- each sum and each product is rounded to nearest: it is off by `UNIT` of its size at most; a fused multiply-add rounds
  once where two operations round twice, which is less;
- the terms of a sum may be added in any order, in any number of partial sums. A term then goes through as many
  roundings as the sum has terms at most, and with its product through one more, so that a sum of n products is off by
  `gamma(n)` times the sum of their absolute values;
- each layer is calculated as it stands: a normalisation that is folded into the weights before it is another network;
- what is smaller than float32 can hold may become 0, as an operand or as a result: `TINY` is more than that loses;
- nothing overflows: bounds that come near (`LARGEST`) prove nothing;
- an activation that is no sum or comparison (sigmoid, tanh) is off by `FUNCTION` units of the larger of 1 and itself.

Transforms that save products (Winograd, FFT), 16 bits and TensorFlow's 19 (TF32) do worse: a proof does not hold for a
network that runs in them. On a CPU TensorFlow uses no such transform for float32, and runtime.py keeps it from shorter
numbers, which an environment can ask for.

The bounds themselves are calculated in float64, whose errors are 2**29 times smaller: one rounding of float32 more in
each `gamma` pays for all of them, so long as a sum has fewer terms than that. Jia & Rinard 2021 ("Exploiting Verified
Neural Networks via Floating Point Numerical Error") break verifiers that leave these errors out.
"""

UNIT = 2.0**-24  # half of the distance of 1 to the next float32
TINY = 2.0**-100  # the smallest normal float32 is 2**-126
LARGEST = 2.0**100  # of a bound; the largest float32 is almost 2**128
FUNCTION = 16


def gamma(roundings: int) -> float:
    """Return how far off a term may be, as a share of it, that was rounded so many times (Higham 2002, lemma 3.1).

    One rounding more is counted, for the float64 that bounds are calculated in.
    """
    lost = (roundings + 1) * UNIT
    return lost / (1 - lost)
