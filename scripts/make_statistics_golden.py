"""Golden numbers of the statistics over runs, from rliable and scipy.

Draws final scores of a few made-up problems (tasks x runs of several methods, with ties, negative
scores and different numbers of runs), and writes them beside what rliable and scipy say of them:

  methods        scores by task; Mean, Median, IQM and optimality gap; the score distribution
  improvements   the probability that a run of one method is better than one of another
  samples        scipy's trim_mean, sem and numpy's percentiles of small samples

Of every bootstrap statistic this holds rliable's 95 % percentile interval, and a bracket for each
of its ends: the quantiles of the same replicates at the levels q - d and q + d. There
d = 5 * sqrt(q * (1 - q) * (1 / reps + 1 / OURS)) is five standard errors of the difference between
two empirical distribution functions at q, of rliable's replicates and of OURS ones of the test. The
end of an interval from OURS replicates lies within its bracket but for a chance below 1e-6, for
any distribution, also one with ties.

pip install rliable==1.2.0 arch==7.2.0 "pandas<3" scipy numpy      # a quarter of an hour
Usage: python scripts/make_statistics_golden.py --out tests/golden/statistics/rliable.json
"""

import argparse
import importlib.metadata
import json
import math
import pathlib

import numpy as np
import scipy.stats
from rliable import library, metrics

# Replicates of rliable, and of the test that reads the file. Mann-Whitney's statistic takes scipy
# so long that its replicates are fewer.
REPS = 50_000
IMPROVEMENT_REPS = 20_000
OURS = 50_000
LOW = 0.025
THRESHOLDS = 9
AGGREGATES = {
    "mean": metrics.aggregate_mean,
    "median": metrics.aggregate_median,
    "iqm": metrics.aggregate_iqm,
    "optimality_gap": metrics.aggregate_optimality_gap,
}


def problems():
    """Yields (name, {method: scores (runs, tasks)}, pairs of methods to compare)."""
    rng = np.random.default_rng(20210831)
    # Two tasks, three runs: the smallest for which a bootstrap says anything.
    yield "tiny", {
        "a": rng.normal(0.5, 0.4, (3, 2)),
        "b": rng.normal(0.7, 0.4, (3, 2)),
        "c": rng.normal(0.5, 0.1, (3, 2)),
    }, [("a", "b"), ("b", "c")]
    # Scores in steps of 1/4, so that runs tie within methods and between them.
    yield "ties", {
        "a": np.round(rng.uniform(0, 1, (6, 3)) * 4) / 4,
        "b": np.round(rng.uniform(0, 1.5, (6, 3)) * 4) / 4,
    }, [("a", "b"), ("b", "a")]
    # Heavy tails and signs, and different numbers of runs.
    yield "negative", {
        "a": 0.3 * rng.standard_t(2, (5, 5)) - 0.2,
        "b": 0.3 * rng.standard_t(2, (8, 5)),
    }, [("a", "b")]
    # Ten tasks of very different difficulty, as in a suite of control tasks.
    level = rng.uniform(0.05, 1.4, 10)
    yield "suite", {
        "a": level + rng.normal(0, 0.1, (10, 10)),
        "b": 0.9 * level + rng.normal(0, 0.2, (10, 10)),
    }, [("a", "b")]


def with_interval(scores, statistic, reps, seed):
    """rliable's estimates of `statistic` (which returns an array) with intervals and brackets."""
    taken = []

    def recorded(*arguments):
        value = np.asarray(statistic(*arguments))
        taken.append(value)
        return value

    # rliable draws from numpy's global generator, whatever `random_state` it is given.
    np.random.seed(seed)
    points, intervals = library.get_interval_estimates({"it": scores}, recorded, reps=reps)
    replicates = np.stack(taken[-reps:])
    interval = intervals["it"]
    again = np.percentile(replicates, [100 * LOW, 100 * (1 - LOW)], axis=0)
    assert np.allclose(interval, again, rtol=0, atol=1e-14), "not the replicates of the interval"
    delta = 5 * math.sqrt(LOW * (1 - LOW) * (1 / reps + 1 / OURS))
    levels = [LOW - delta, LOW + delta, 1 - LOW - delta, 1 - LOW + delta]
    bracket = np.percentile(replicates, [100 * level for level in levels], axis=0)
    return [
        {
            "value": float(points["it"][at]),
            "interval": interval[:, at].tolist(),
            "low_within": bracket[:2, at].tolist(),
            "high_within": bracket[2:, at].tolist(),
        }
        for at in range(len(points["it"]))
    ]


def method(scores, seed):
    thresholds = np.linspace(scores.min() - 0.01, scores.max(), THRESHOLDS)
    # One threshold is a score itself, where "above" and "not below" differ.
    thresholds = np.sort(np.append(thresholds, np.sort(scores, axis=None)[scores.size // 2]))
    aggregates = with_interval(
        scores, lambda x: [f(x) for f in AGGREGATES.values()], REPS, seed
    )
    profile = with_interval(
        scores, lambda x: library.score_distributions(x, thresholds), REPS, seed + 1
    )
    return {
        "scores": scores.T.tolist(),
        "aggregates": dict(zip(AGGREGATES, aggregates)),
        "thresholds": thresholds.tolist(),
        "profile": profile,
    }


def improvement(x, y, seed):
    probability = lambda a, b: [metrics.probability_of_improvement(a, b)]
    return with_interval([x, y], probability, IMPROVEMENT_REPS, seed)[0]


def samples():
    rng = np.random.default_rng(7)
    for count in [1, 2, 3, 4, 5, 7, 8, 13, 40]:
        values = np.round(rng.normal(0, 10, count), 3)
        yield {
            "values": values.tolist(),
            "mean": float(np.mean(values)),
            "standard_error": float(scipy.stats.sem(values)) if count > 1 else None,
            "median": float(np.median(values)),
            "iqm": float(scipy.stats.trim_mean(values, 0.25)),
            "percentiles": np.percentile(values, [2.5, 25, 50, 60, 97.5]).tolist(),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    found = []
    for number, (name, methods, pairs) in enumerate(problems()):
        print(name, flush=True)
        seed = 1000 * (number + 1)
        found.append({
            "name": name,
            "methods": {
                key: method(scores, seed + 10 * at)
                for at, (key, scores) in enumerate(methods.items())
            },
            "improvements": [
                {"of": x, "over": y, **improvement(methods[x], methods[y], seed + 500 + at)}
                for at, (x, y) in enumerate(pairs)
            ],
        })
    packages = ["rliable", "arch", "scipy", "numpy"]
    result = {
        "made_by": "scripts/make_statistics_golden.py",
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "replicates": OURS,
        "problems": found,
        "samples": list(samples()),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
