"""Gradient steps and sampling against the JAX yardstick, taking turns in one run.

Each turn is a process of its own, `fpo bench learner sampler` or jax_yardstick.py, that warms up
and takes the median of several calls; the medians of the turns are compared.

    python3 scripts/peers/learner.py [--transitions 3840] [--envs 2048] [--rounds 5]
"""
import json
import pathlib
import statistics
import subprocess
import sys

import common

YARDSTICK = pathlib.Path(__file__).with_name("jax_yardstick.py")


def main():
    parser = common.arguments(__doc__.split("\n\n")[0])
    parser.add_argument("--transitions", type=int, default=3840, help="of a minibatch [3840]")
    parser.add_argument("--envs", type=int, default=2048, help="that sample an action [2048]")
    parser.add_argument("--repeats", type=int, default=15, help="calls of one turn [15]")
    args = parser.parse_args()
    common.enter(args)
    sizes = ["--transitions", args.transitions, "--envs", args.envs, "--repeats", args.repeats]
    machine = {}

    def ours():
        file = common.fpo(args, "bench", "learner", "sampler", "--devices", "cpu", "--sizes",
                          "official", *sizes, "--json", "-")
        machine.update(file["machine"])
        return {result["name"]: result for result in file["results"]}

    def jax():
        command = [sys.executable, str(YARDSTICK), *map(str, sizes)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return {line["what"]: line for line in lines}

    turns = common.alternate(args.rounds, {"fpo": ours, "jax": jax})
    rows = [["", "fpo", "±", "GFLOP/s", "of peak", "jax", "±", "GFLOP/s", "times faster"]]
    results = []
    for what in ("gradient_step", "sample"):
        ms = {name: [turn[what]["ms_median"] for turn in of] for name, of in turns.items()}
        rate = common.medians({n: [t[what]["gflops"] for t in of] for n, of in turns.items()})
        median = common.medians(ms)
        ratio = median["jax"] / median["fpo"]
        shares = [turn[what].get("peak_share") for turn in turns["fpo"]]
        known = [share for share in shares if share is not None]
        share = statistics.median(known) if known else None
        results.append({"name": what, "ms": ms, "median": median, "gflops": rate,
                        "peak_share": share, "jax_over_fpo": ratio})
        rows.append([what.replace("_", " "),
                     f"{median['fpo']:.2f} ms", f"{100 * common.spread(ms['fpo']):.1f} %",
                     f"{rate['fpo']:.1f}", f"{100 * share:.0f} %" if share else "",
                     f"{median['jax']:.2f} ms", f"{100 * common.spread(ms['jax']):.1f} %",
                     f"{rate['jax']:.1f}", f"{ratio:.2f}"])
    common.table(rows)
    first = statistics.median(turn["gradient_step"]["first_call_s"] for turn in turns["jax"])
    print(f"first gradient step in JAX, compilation included: {first:.1f} s")
    common.save(args, {"machine": machine, "transitions": args.transitions, "envs": args.envs,
                       "results": results, "jax_first_call_s": first})


if __name__ == "__main__":
    main()
