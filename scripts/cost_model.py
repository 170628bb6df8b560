#!/usr/bin/env python3
"""Foretells what a run over many hosts costs: time of an iteration, speed-up and efficiency.

    fpo bench ranks --json one.json
    python3 scripts/cost_model.py one.json --latency-us 2 --bandwidth-gbit 100

The file says what one process on one host needs, with all of its threads. Each host is taken for
such a process. Files after the first are of more ranks on this machine: what the model says of
them, with the exchanges that they measured themselves, stands beside what was measured.

The model of an iteration on R ranks: environments and sampling take the time of the largest share
of environments, passes that of the largest share of chunks, in rounds of a chunk for each thread.
The optimiser and all else are the same on every rank. A gradient step adds, for each network, two
exchanges, one of the estimates and one word; an iteration adds the rollout. An exchange takes
R - 1 latencies and the bytes that a rank sends or gets; nothing overlaps. That is a cautious
estimate: good libraries need fewer latencies.
"""

import argparse
import json
import math
import os
import sys
from dataclasses import dataclass

ESTIMATE_WORDS = 4  # of a transition: value, target, advantage, and whether there is a target
SHARED = ("gae", "policy", "value")


class Wrong(Exception):
    """What was asked for cannot be foretold; says why."""


@dataclass
class Net:
    latency_s: float
    bytes_per_s: float

    def time(self, messages, words):
        return messages * self.latency_s + 4 * words / self.bytes_per_s


def subtrees(first, last, tree):
    """Returns how many largest subtrees of `tree`, full on its left, lie within first..last."""
    start, end = tree
    if start >= last or end <= first:
        return 0
    if first <= start and end <= last:
        return 1
    middle = start + (1 << (end - start - 1).bit_length()) // 2
    return subtrees(first, last, (start, middle)) + subtrees(first, last, (middle, end))


def sum_over(ranks, numbers, chunks, net):
    """Seconds in which ranks add up the chunks of a network with so many parameters."""
    if ranks == 1:
        return 0.0
    bounds = [rank * chunks // ranks for rank in range(ranks + 1)]
    own = [subtrees(*bounds[r : r + 2], (0, chunks)) for r in range(ranks)]
    slice_ = numbers / ranks
    # Whoever has most subtrees sends most, a slice of each to all others; then each sends a sum.
    return net.time(2 * (ranks - 1), (max(own) + 1) * (ranks - 1) * slice_)


def gather(ranks, words, net):
    """Seconds in which every rank gets the words of all, each of which has its share."""
    return net.time(ranks - 1, words * (ranks - 1) / ranks) if ranks > 1 else 0.0


def share(parts, ranks, threads):
    """The time of the largest share of equal parts, compared with that of one rank."""
    rounds = math.ceil(math.ceil(parts / ranks) / threads)
    return rounds / math.ceil(parts / threads)


def exchanges(shape, ranks, net):
    """Seconds of the exchanges of a gradient step."""
    sums = sum(
        sum_over(ranks, numbers, chunks, net)
        for numbers, chunks in zip(shape["parameters"], shape["chunks"])
    )
    estimates = gather(ranks, ESTIMATE_WORDS * shape["transitions"], net)
    return sums + estimates + gather(ranks, ranks, net)


def parts_of(case):
    """Returns the seconds of a case's parts by name; `rest` is what has no name."""
    parts = {part["name"]: part["ms_median"] / 1e3 for part in case["phases"]}
    parts.pop("other", None)
    parts["rest"] = max(case["ms_median"] / 1e3 - sum(parts.values()), 0.0)
    return parts


def step_time(case, ranks, net):
    """Seconds of a gradient step on so many ranks."""
    parts, shape, threads = parts_of(case), case["shape"], case["threads"]
    policy, value = (share(chunks, ranks, threads) for chunks in shape["chunks"])
    shared = parts["policy"] * policy + (parts["value"] + parts["gae"]) * value
    alone = sum(time for name, time in parts.items() if name not in SHARED)
    return shared + alone + exchanges(shape, ranks, net)


def iteration_time(case, ranks, net):
    """Seconds of an iteration on so many ranks."""
    parts, shape, threads = parts_of(case), case["shape"], case["threads"]
    policy, value = (share(chunks, ranks, threads) for chunks in shape["chunks"])
    envs = math.ceil(case["envs"] / ranks) / case["envs"]
    shared = parts["policy"] * policy + (parts["value"] + parts["gae"]) * value
    shared += (parts["env"] + parts["sample"]) * envs
    alone = parts["optim"] + parts["rest"]
    steps = shape["gradient_steps"] * exchanges(shape, ranks, net)
    return shared + alone + steps + gather(ranks, shape["rollout_numbers"], net)


MODELS = {"gradient_step": step_time, "iteration": iteration_time}


def lengthened(case, steps, gradient_step):
    """Returns an iteration with so many gradient steps, and that one repeated."""
    more = steps - case["shape"]["gradient_steps"]
    added = parts_of(gradient_step)
    phases = [
        {**part, "ms_median": part["ms_median"] + more * 1e3 * added.get(part["name"], 0.0)}
        for part in case["phases"]
    ]
    ms = case["ms_median"] + more * gradient_step["ms_median"]
    shape = {**case["shape"], "gradient_steps": steps}
    return {**case, "ms_median": ms, "phases": phases, "shape": shape}


def hurried(case):
    """Returns a case as its fastest run was, its parts in proportion."""
    by = case["ms_min"] / case["ms_median"]
    phases = [{**part, "ms_median": by * part["ms_median"]} for part in case.get("phases", [])]
    return {**case, "ms_median": case["ms_min"], "phases": phases}


def read(path, fastest):
    """Returns the cases of a file by what tells them apart, and its number of ranks."""
    try:
        with open(path, encoding="utf-8") as file:
            results = json.load(file)["results"]
        cases = {}
        for case in results:
            case = hurried(case) if fastest else case
            if not 0 < case["ms_median"] < math.inf:
                raise Wrong(f"{path}: a {case['name']} of {case['ms_median']} ms cannot be")
            if case["name"] != "exchange" and "shape" in case:
                MODELS[case["name"]](case, 1, Net(0.0, math.inf))
            if case["name"] == "exchange" or "shape" in case:
                key = (case["name"], case.get("sizes"), case.get("numbers"))
                cases[key] = case
                ranks = case["ranks"]
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Wrong(f"{path} is not what `fpo bench ranks --json` writes") from None
    if not cases:
        raise Wrong(f"{path} has no measurements of ranks: make it with `fpo bench ranks --json`")
    return cases, ranks


def measured_net(path, cases, ranks):
    """Returns latency and bandwidth of the exchanges in a file: of the shortest and the longest."""
    found = sorted((c["numbers"], c["ms_median"]) for c in cases.values() if "numbers" in c)
    if len(found) < 2:
        raise Wrong(f"{path} has no exchanges of two lengths: measure with more --sizes")
    (_, short), (numbers, long) = found[0], found[-1]
    words = 2 * numbers * (ranks - 1) / ranks
    seconds = max(long - short, 1e-3 * long) / 1e3
    return Net(short / 1e3 / (2 * (ranks - 1)), 4 * words / seconds)


def shown(seconds):
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            number = seconds / size
            return f"{number:.3g} {unit}" if number < 100 else f"{number:.0f} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def name_of(case):
    what = "gradient step" if case["name"] == "gradient_step" else "iteration"
    extent = f"{case['shape']['transitions']:,} transitions"
    steps = f", {case['shape']['gradient_steps']:,} gradient steps" if what == "iteration" else ""
    return f"{what} ({case['sizes']}, {extent}{steps})"


def foretold(case, hosts, net):
    """Returns lines that foretell a case on so many hosts each."""
    model = MODELS[case["name"]]
    alone = model(case, 1, net)
    lines = [name_of(case), "  hosts  threads      time  exchanging  speed-up  efficiency"]
    for ranks in hosts:
        time = model(case, ranks, net)
        free = model(case, ranks, Net(0.0, math.inf))
        lines.append(
            f"  {ranks:5}  {ranks * case['threads']:7}  {shown(time):>8}"
            f"  {100 * (time - free) / time:8.0f} %  {alone / time:8.1f}"
            f"  {100 * alone / time / ranks:8.0f} %"
        )
    return lines


def compared(base, path, cases, ranks):
    """Returns lines with what the model says of the cases in another file beside their times."""
    if ranks == 1:
        raise Wrong(f"{path} has no measurements of several ranks: make it with mpirun -n 2")
    net = measured_net(path, cases, ranks)
    lines = [
        f"{ranks} ranks on this machine: {net.latency_s * 1e6:.3g} µs a message,"
        f" {8e-9 * net.bytes_per_s:.3g} Gbit/s"
    ]
    for key, case in cases.items():
        if case["name"] == "exchange" or key not in base:
            continue
        if case["threads"] != base[key]["threads"]:
            raise Wrong(
                f"{path} has ranks of {case['threads']} threads and the first file one of"
                f" {base[key]['threads']}: set RAYON_NUM_THREADS for both"
            )
        model = MODELS[case["name"]]
        told, took = model(base[key], ranks, net), case["ms_median"] / 1e3
        one = base[key]["ms_median"] / 1e3
        lines.append(
            f"{name_of(case)}\n  one rank {shown(one)}, modelled {shown(told)},"
            f" measured {shown(took)} ({100 * (took / told - 1):+.0f} %)"
        )
    if len(lines) == 1:
        raise Wrong(f"{path} has no case of the first file: measure both with the same flags")
    return lines


def report(args):
    base, ranks = read(args.files[0], args.fastest)
    if ranks != 1:
        raise Wrong(
            f"{args.files[0]} was measured on {ranks} ranks: the first file is of one process,"
            " `fpo bench ranks` without mpirun"
        )
    net = Net(args.latency_us * 1e-6, args.bandwidth_gbit * 1e9 / 8)
    lines = []
    for path in args.files[1:]:
        lines += compared(base, path, *read(path, args.fastest))
    lines.append(f"network: {args.latency_us:g} µs a message, {args.bandwidth_gbit:g} Gbit/s")
    for case in base.values():
        if case["name"] == "iteration" and args.gradient_steps:
            transitions = case["shape"]["transitions"]
            steps = [
                step
                for step in base.values()
                if step["name"] == "gradient_step" and step["shape"]["transitions"] == transitions
            ]
            if not steps:
                raise Wrong(
                    f"--gradient-steps: {args.files[0]} has no gradient step on {transitions}"
                    " transitions; measure with --sizes and the iteration's configuration"
                )
            case = lengthened(case, args.gradient_steps, steps[0])
        lines += foretold(case, args.hosts, net)
    print("\n".join(lines))


def check():
    """Checks the model where its answers are known."""
    far, ideal = Net(1e-6, 1e9), Net(0.0, math.inf)
    assert [subtrees(*own, (0, 6)) for own in ((0, 3), (3, 6), (2, 4), (0, 6))] == [2, 2, 1, 1]
    # Two ranks with a subtree each send and get half of the numbers twice.
    assert math.isclose(sum_over(2, 1000, 8, far), 2 * (1e-6 + 4 * 500 / 1e9))
    # Three ranks with two chunks of six each, which are subtrees: two thirds, twice.
    assert math.isclose(sum_over(3, 900, 6, far), 2 * (2e-6 + 4 * 600 / 1e9))
    # Ranks with two subtrees each send twice as much in the first exchange.
    assert math.isclose(sum_over(2, 1000, 6, far), 2e-6 + 4 * (2 * 500 + 500) / 1e9)
    # The second of four ranks has the middle two of six chunks, which it sends apart to three.
    assert math.isclose(sum_over(4, 400, 6, far), 6e-6 + 4 * (3 * 2 * 100 + 300) / 1e9)
    assert (share(8, 2, 1), share(8, 16, 2), share(5, 2, 1)) == (0.5, 0.25, 0.6)
    phases = [("env", 40), ("sample", 20), ("gae", 8), ("policy", 16), ("value", 8), ("optim", 5)]
    case = {
        "name": "iteration",
        "sizes": "check",
        "envs": 8,
        "threads": 1,
        "ms_median": 100.0,
        "phases": [{"name": name, "ms_median": ms} for name, ms in phases],
        "shape": {
            "gradient_steps": 2,
            "transitions": 10,
            "parameters": [100, 200],
            "chunks": [8, 8],
            "rollout_numbers": 1000,
        },
    }
    assert math.isclose(iteration_time(case, 1, far), 0.1)
    assert math.isclose(iteration_time(case, 4, ideal), 0.092 / 4 + 0.008)
    # No more ranks than chunks and environments gain anything.
    assert math.isclose(iteration_time(case, 64, ideal), 0.092 / 8 + 0.008)
    latencies = 2 * (2 * 2 * 3 + 3 + 3) + 3
    assert math.isclose(
        iteration_time(case, 4, Net(1e-6, math.inf)), 0.092 / 4 + 0.008 + latencies * 1e-6
    )
    words = 2 * (2 * 300 * 3 / 4 + 40 * 3 / 4 + 3) + 750
    assert math.isclose(
        iteration_time(case, 4, Net(0.0, 1e6)), 0.092 / 4 + 0.008 + 4 * words / 1e6
    )
    step = {**case, "name": "gradient_step", "ms_median": 40.0, "phases": case["phases"][2:]}
    assert math.isclose(step_time(step, 2, ideal), 0.032 / 2 + 0.008)
    longer = lengthened(case, 12, step)
    assert math.isclose(iteration_time(longer, 1, far), 0.5)
    assert math.isclose(iteration_time(longer, 2, ideal), (0.092 + 0.32) / 2 + 0.008 + 0.08)
    print("cost_model.py: the model gives the answers that are known")


def positive(kind):
    def parse(text):
        number = kind(text)
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"{text} must be greater than 0")
        return number

    parse.__name__ = "number"
    return parse


def hosts(text):
    return [positive(int)(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "files", nargs="*", metavar="BENCH.json", help="of one process; then of more ranks"
    )
    parser.add_argument(
        "--hosts",
        type=hosts,
        default=[1, 2, 4, 8, 16, 32, 64],
        metavar="R,…",
    )
    parser.add_argument("--latency-us", type=positive(float), default=2.0, help="of a message")
    parser.add_argument("--bandwidth-gbit", type=positive(float), default=100.0, help="of a host")
    parser.add_argument(
        "--gradient-steps",
        type=positive(int),
        metavar="N",
        help="of an iteration, where fewer were measured",
    )
    parser.add_argument(
        "--fastest",
        action="store_true",
        help="go by the fastest runs, not the medians: on a machine that others use",
    )
    parser.add_argument("--check", action="store_true", help="check the model itself")
    args = parser.parse_args()
    if args.check:
        return check()
    if not args.files:
        parser.error("BENCH.json is needed: `fpo bench ranks --json BENCH.json` makes it")
    try:
        report(args)
        sys.stdout.flush()
    except Wrong as error:
        sys.exit(f"cost_model.py: {error}")
    except BrokenPipeError:
        # Whoever read it has seen enough; nothing is left for the end of the program to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
