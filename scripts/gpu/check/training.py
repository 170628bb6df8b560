"""The parts of the check that train: iterations at the paper's size, and CartpoleBalance."""
import json
import os
import re
import shutil
import time

from parts import FAILED, PASSED, SKIPPED, Result, kernels, read_counts

PAPER_STEPS = 983_040  # of an iteration of configs/paper
ITERATIONS = 3
# What the runs of docs/results.md end with is 845 to 988; a policy that has learnt nothing has
# a few hundred.
RETURN = 840.0
# A run may take this share of what it announced, and so many MB more: of the machine for shared
# libraries, of the card for CUDA's context and cuBLAS's workspace, which no announcement counts.
MOST_OF_ANNOUNCED = 1.25
ALLOWANCE_MB = {"machine": 100, "card": 700}


def metrics(run):
    """The lines of a run's metrics.jsonl that are whole."""
    lines = []
    try:
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    lines.append(json.loads(line))
    except OSError:
        pass
    return lines


def paper(kit, limit_s):
    """Three iterations of the paper's CheetahRun: phases, and memory against what is announced."""
    sets, note = [], ""
    if kit.quick:
        sets = ["env.num_envs=32", "train.batch_size=16", "train.num_minibatches=2",
                "train.num_epochs=1"]
        steps, note = 960, ", 960 steps each"
    elif kit.on_gpu:
        steps = PAPER_STEPS
    else:
        sets, steps, note = ["train.num_epochs=1"], PAPER_STEPS, ", 1 epoch of 16 on the CPU"
    sets += [f"train.total_steps={ITERATIONS * steps}", "eval.count=1", "eval.episodes=1"]
    run = os.path.join(kit.out, "paper-run")
    shutil.rmtree(run, ignore_errors=True)
    command = [kit.program, "train", kit.config("paper/cheetah_run.toml"), "--device", kit.device,
               "--out", run]
    for setting in sets:
        command += ["--set", setting]
    counter = os.path.join(kit.folder, "lib", "libcount_launches.so")
    counts = os.path.join(kit.out, "paper-launches.txt")
    more = {}
    if kit.on_gpu and os.path.exists(counter):
        more = {"LD_PRELOAD": counter, "FPO_LAUNCH_COUNTS": counts}
    done = kit.run("paper", command, limit_s, more, interrupt=True, card=kit.card)
    iterations = [line for line in metrics(run) if "time/iteration_s" in line]
    if not iterations:
        return Result(FAILED, done.why())
    data = {"iterations": len(iterations), "settings": sets,
            "iteration_s": [line["time/iteration_s"] for line in iterations]}
    lines = ["| phase | seconds of an iteration | share |", "|---|---|---|"]
    total = sum(data["iteration_s"])
    for key in iterations[0]:
        name = re.fullmatch(r"time/(\w+)_s", key)
        if name and name[1] not in ("iteration", "steps_per", "eval", "elapsed"):
            seconds = sum(line[key] for line in iterations)
            data.setdefault("phases", {})[name[1]] = seconds / total
            lines.append(f"| {name[1]} | {seconds / len(iterations):.3g} | "
                         f"{100 * seconds / total:.1f} % |")
    if os.path.exists(counts) and more:
        found = kernels(read_counts(counts))
        data["launches"] = {name: n / len(iterations) for name, n in found.items()}
        each = data["launches"]
        lines.append(f"\nAn iteration launched about {each['kernels']:,.0f} kernels and called "
                     f"cuBLAS {each['cublas']:,.0f} times.")
    status, memory = memory_against_announced(done, data, kit.on_gpu)
    line = (f"{len(iterations)} iterations{note}, {total / len(iterations):.3g} s each; {memory}")
    if len(iterations) < ITERATIONS:
        status, line = FAILED, f"{done.why()}; {line}"
    return Result(status, line, data, "\n".join(lines))


def memory_against_announced(done, data, on_gpu):
    """(status, words) of the memory that a run took and what it had announced."""
    announced = re.search(r"memory: about (\d+) MB \(rollout (\d+), learner (\d+), environments "
                          r"and program (\d+)\)", done.err + done.out)
    if announced is None or done.peak_bytes is None:
        return FAILED, "the run announced no memory"
    total, rollout, learner, environments = map(int, announced.groups())
    found = {"announced_mb": total, "host_mb": done.peak_bytes / 1e6}
    words = [f"memory of the program {found['host_mb']:.0f} MB"]
    compared = [(found["host_mb"], total, ALLOWANCE_MB["machine"])]
    if on_gpu:
        found["device_announced_mb"] = rollout + learner
        found["host_announced_mb"] = rollout + environments
        words.append(f"{rollout + environments} announced, without CUDA itself")
        # CUDA takes hundreds of MB of the machine for itself, so that only the card counts.
        compared = []
        if done.device_mib is not None:
            found["device_mb"] = done.device_mib * 1.048576
            words.append(f"of the card {found['device_mb']:.0f} MB, {rollout + learner} announced")
            compared = [(found["device_mb"], rollout + learner, ALLOWANCE_MB["card"])]
    else:
        words.append(f"{total} announced")
    data["memory"] = found
    over = any(taken > MOST_OF_ANNOUNCED * said + more for taken, said, more in compared)
    return (FAILED if over else PASSED), ", ".join(words)


def cartpole(kit, limit_s):
    """CartpoleBalance at desk size until an evaluation reaches its return."""
    if kit.quick:
        return Result(SKIPPED, "takes more than a minute: not in a quick check")
    run = os.path.join(kit.out, "cartpole-run")
    shutil.rmtree(run, ignore_errors=True)
    command = [kit.program, "train", kit.config("desk/cartpole_balance.toml"), "--device",
               kit.device, "--out", run, "--seed", "1", "--set", "eval.count=20"]

    def returns():
        key = "eval/episode_return_mean"
        return [(line["step"], line[key]) for line in metrics(run) if key in line]

    asked = [time.monotonic()]

    def learnt():
        if time.monotonic() - asked[0] < 1.0:
            return False
        asked[0] = time.monotonic()
        return any(value >= RETURN for _, value in returns())

    done = kit.run("cartpole", command, limit_s, enough=learnt, interrupt=True)
    found = returns()
    text = " · ".join(f"{step}: {value:.0f}" for step, value in found)
    data = {"returns": found, "target": RETURN, "seconds": done.seconds}
    if not found:
        return Result(FAILED, done.why(), data)
    step, best = max(found, key=lambda pair: pair[1])
    line = f"return {best:.0f} after {step:,} steps in {done.seconds:.0f} s"
    if best >= RETURN:
        return Result(PASSED, f"{line}, {RETURN:.0f} asked for", data, text)
    if done.stopped == "limit":
        return Result(SKIPPED, f"stopped at {done.seconds:.0f} s, before it could be judged: best "
                      f"{line}", data, text)
    return Result(FAILED, f"best {line}: {RETURN:.0f} was not reached", data, text)
