#!/usr/bin/env python3
"""Says for each degree of being told less by how much one method leads the others.

    python3 scripts/conditioning_leads.py docs/results/conditioning_frames.jsonl fpo_nats

needs nothing but Python. Tasks are called NAME-K-DEGREE. A score is the last evaluation as a share
of the best that is possible; a lead is the difference of mean scores over the tasks of a degree,
with the 95 % interval of a bootstrap over seeds within each task and method.
"""

import argparse
import json
import random
import statistics
import sys

# The best return that is possible; 1000 where a task is not named.
BEST = {"DrawnGoal": 10.0, "two_slits": 20.0}
REPLICATES = 20_000


class RowsError(Exception):
    """Rows that cannot be compared."""


def scores(path):
    """The scores by degree, method and task, degrees in the order of their numbers."""
    found = {}
    try:
        with open(path, encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise RowsError(f"cannot read {path}: {error}") from error
    for row in rows:
        name, number, degree = (row["task"].rsplit("-", 2) + ["", ""])[:3]
        if not number.isdigit():
            raise RowsError(f"{path}: task {row['task']} is not called NAME-NUMBER-DEGREE")
        score = row["evaluations"][-1]["mean"] / BEST.get(name, 1000.0)
        methods = found.setdefault((int(number), degree), {})
        methods.setdefault(row["method"], {}).setdefault(name, []).append(score)
    return {degree: found[number, degree] for number, degree in sorted(found)}


def mean_score(tasks):
    """The mean over tasks of the means over seeds."""
    return statistics.fmean(statistics.fmean(seeds) for seeds in tasks.values())


def lead(own, other, rng):
    """The difference of mean scores and its 95 % interval."""
    def drawn(tasks):
        return mean_score({name: rng.choices(seeds, k=len(seeds)) for name, seeds in tasks.items()})

    draws = sorted(drawn(own) - drawn(other) for _ in range(REPLICATES))
    low, high = (draws[round(share * (REPLICATES - 1))] for share in (0.025, 0.975))
    return mean_score(own) - mean_score(other), low, high


def report(path, method):
    """Prints a line for each degree and each other method."""
    rng = random.Random(0)
    for degree, methods in scores(path).items():
        if method not in methods:
            there = ", ".join(sorted(methods))
            raise RowsError(f"{path} has no method {method} where {degree} is told; it has {there}")
        own = methods[method]
        for other, tasks in sorted(methods.items()):
            if other == method:
                continue
            if tasks.keys() != own.keys():
                raise RowsError(f"{path}: {method} and {other} have other tasks, told {degree}")
            ahead = sum(statistics.fmean(own[t]) > statistics.fmean(tasks[t]) for t in own)
            gap, low, high = lead(own, tasks, rng)
            print(f"{degree}: {method} {mean_score(own):.3f}, {other} {mean_score(tasks):.3f}, "
                  f"lead {gap:.3f} [{low:.3f}, {high:.3f}], ahead on {ahead} of {len(own)} tasks")


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", help="rows of results, one JSON object a line")
    parser.add_argument("method", help="the method whose leads are wanted")
    arguments = parser.parse_args()
    try:
        report(arguments.rows, arguments.method)
    except RowsError as error:
        sys.exit(f"conditioning_leads: {error}")


if __name__ == "__main__":
    main()
