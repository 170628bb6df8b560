"""The parts of the check that ask the program and its tests; training.py has those that train.

A part takes a `Kit` and the seconds it may take, and returns a `Result`.
"""
import json
import os
import re
import shutil

import process

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# Gradient steps by which two runs differ whose launches are counted.
COUNTED = (4, 24)


class Result:
    """How a part went: a status, a line, and the numbers and texts of the report."""

    def __init__(self, status, line, data=None, text=""):
        self.status = status
        self.line = line
        self.data = data or {}
        self.text = text


class Kit:
    """The unpacked kit, the device in use, and where results go."""

    def __init__(self, folder, out, device, quick, environment):
        self.folder = folder
        self.out = out
        self.device = device
        self.quick = quick
        self.environment = environment
        build = "cuda" if device != "cpu" else "cpu"
        self.program = os.path.join(folder, build, "fpo")
        self.tests = os.path.join(folder, build, "on_device")

    @property
    def on_gpu(self):
        return self.device != "cpu"

    @property
    def card(self):
        """The number of the card in use, or None."""
        return int(self.device.partition(":")[2] or 0) if self.on_gpu else None

    @property
    def devices(self):
        return "cpu," + self.device if self.on_gpu else "cpu"

    def config(self, name):
        return os.path.join(self.folder, "configs", name)

    def run(self, log, command, limit_s, more=None, **options):
        """Runs a command with the kit's environment and `more`, logged under `log`."""
        environment = {**self.environment, **(more or {})}
        return process.run(command, os.path.join(self.out, "logs", log), limit_s, environment,
                           self.out, **options)

    def bench(self, log, arguments, limit_s, more=None):
        """(how `fpo bench ARGUMENTS` ended, what it measured or None)."""
        path = os.path.join(self.out, "logs", log + ".json")
        if os.path.exists(path):
            os.remove(path)
        command = [self.program, "bench", *arguments, "--json", path]
        done = self.run(log, command, limit_s, more)
        if not done.ok:
            return done, None
        with open(path, encoding="utf-8") as file:
            return done, json.load(file)

    def written(self, name, text):
        """The path of a configuration that is written for this check."""
        path = os.path.join(self.out, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def doctor(kit, limit_s):
    """What the program finds on this machine."""
    done = kit.run("doctor", [kit.program, "doctor", "--json"], limit_s)
    if not done.ok:
        return Result(FAILED, done.why())
    report = json.loads(done.out)
    checks = {check["name"]: check for check in report["checks"]}
    text = "\n".join(f"{c['name']:<9} {c['state']:<8} {c['found']}" for c in report["checks"])
    name = kit.device.split(":")[0]
    found = checks[name]
    data = {"checks": report["checks"], "machine": report["machine"], "seconds": done.seconds}
    status = PASSED if found["state"] == "ok" else FAILED
    return Result(status, f"{name}: {found['found']}", data, text)


def first_start(kit, limit_s):
    """How long the driver compiles the PTX: the first gradient step against the second start."""
    if not kit.on_gpu:
        return Result(SKIPPED, "the CPU program has nothing to compile")
    cache = kit.environment["CUDA_CACHE_PATH"]
    shutil.rmtree(cache, ignore_errors=True)
    arguments = ["launch", "learner", "--devices", kit.device, "--sizes", "desk", "--repeats", "1"]
    seconds = []
    for which in ("first", "second"):
        done, _ = kit.bench(f"start-{which}", arguments, limit_s - sum(seconds))
        if not done.ok:
            return Result(FAILED, f"{which} start: {done.why()}")
        seconds.append(done.seconds)
    size = sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(cache) for name in names)
    data = {"first_s": seconds[0], "second_s": seconds[1], "compiled_bytes": size}
    return Result(PASSED, f"first start with a gradient step {seconds[0]:.1f} s, second "
                  f"{seconds[1]:.1f} s: the driver compiled for {seconds[0] - seconds[1]:.1f} s",
                  data)


def device_tests(kit, limit_s):
    """The built test program: golden numbers, identities, samplers, parity with the CPU."""
    command = [kit.tests]
    if kit.on_gpu:
        command.append("--test-threads=1")
    if kit.quick:
        command.append("golden")
    more = {"FPO_TEST_DEVICE": kit.device, "FPO_GOLDEN_HOME": os.path.join(kit.folder, "golden")}
    done = kit.run("tests", command, limit_s, more)
    names = re.findall(r"^test (\S+) \.\.\.", done.out, re.MULTILINE)
    total = re.search(r"^test result: \w+\. (\d+) passed; (\d+) failed", done.out, re.MULTILINE)
    failures = re.findall(r"^    (\S+)$", done.out.rpartition("\nfailures:\n")[2], re.MULTILINE)
    # On one thread a test's name stands before what it says.
    said = re.findall(r"(?:^|\.\.\. )((?:golden|parity) .*)$", done.out, re.MULTILINE)
    data = {"seconds": done.seconds, "failed": failures, "lines": said}
    text = "\n".join(said)
    if total is None:
        return Result(FAILED, f"{done.why()} (begun: {len(names)} tests)", data, text)
    passed, failed = map(int, total.groups())
    data.update(passed_count=passed, failed_count=failed)
    if failed or done.code != 0 or passed == 0:
        panics = re.findall(r"panicked at [^\n]*\n([^\n]*)", done.out + done.err)
        data["panics"] = panics
        text = "\n".join([*(f"FAILED {name}" for name in failures), *panics, text])
        named = ", ".join(failures) or f"no test passed, status {done.code}"
        return Result(FAILED, f"{passed} passed, {failed} failed: {named}", data, text)
    return Result(PASSED, f"{passed} passed on {kit.device} in {done.seconds:.0f} s", data, text)


def milliseconds(ms):
    """A duration with three digits."""
    for factor, unit in ((1e3, "µs"), (1.0, "ms"), (1e-3, "s")):
        value = ms * factor
        if value < 999.5 or unit == "s":
            return f"{value:.3g} {unit}"


def tables(files):
    """(against_cpu, results) of several bench files together, and both as one text."""
    pairs = [pair for file in files for pair in file.get("against_cpu", [])]
    results = [result for file in files for result in file["results"]]
    lines = []
    if pairs:
        lines += ["| case | cpu | device | times faster |", "|---|---|---|---|"]
        lines += [f"| {p['case']} | {milliseconds(p['cpu_ms'])} | {milliseconds(p['device_ms'])} | "
                  f"{p['times_faster']:.2f} |" for p in pairs]
    else:
        lines += ["| case | median |", "|---|---|"]
        lines += [f"| {case_words(r)} | {milliseconds(r['ms_median'])} |" for r in results]
    return pairs, results, "\n".join(lines)


def case_words(result):
    """A measured case in words."""
    keys = ("operation", "sizes", "transitions", "envs", "device")
    words = [f"{result[key]}" if isinstance(result[key], str) else f"{result[key]} {key}"
             for key in keys if result.get(key) is not None]
    return f"{result['name'].replace('_', ' ')} ({', '.join(words)})"


def bench(kit, limit_s):
    """Launches, learner, sampler and training, on the CPU and on the device."""
    if kit.quick:
        runs = [("bench", ["launch", "--repeats", "2"])]
    else:
        paper = kit.written("paper_1_epoch.toml", f'include = ["{kit.config("paper/base.toml")}"]\n'
                            '[env]\ntask = "CheetahRun"\n[train]\nnum_epochs = 1\n')
        runs = [("bench", ["launch", "learner", "sampler", "train"]),
                ("bench-paper", ["train", "--config", paper, "--repeats", "1"])]
    files, wrong, left = [], [], limit_s
    for log, arguments in runs:
        if left < 1:
            wrong.append(f"no time was left for fpo bench {' '.join(arguments)}")
            continue
        done, file = kit.bench(log, [*arguments, "--devices", kit.devices], left)
        left -= done.seconds
        if file is None:
            wrong.append(f"fpo bench {arguments[0]} …: {done.why()}")
        else:
            files.append(file)
    if not files:
        return Result(FAILED, "; ".join(wrong))
    pairs, results, text = tables(files)
    data = {"against_cpu": pairs, "results": results}
    line = f"{len(results)} cases measured"
    steps = [pair for pair in pairs if pair["case"].startswith("gradient step")]
    if steps:
        best = max(steps, key=lambda pair: pair["times_faster"])
        line += f"; {best['case']}: {best['times_faster']:.2f} times as fast as the CPU"
    return Result(FAILED if wrong else PASSED, "; ".join([line, *wrong]), data, text)


def launches(kit, limit_s):
    """How many kernels a gradient step and a sample launch: the difference of two runs."""
    counter = os.path.join(kit.folder, "lib", "libcount_launches.so")
    if not kit.on_gpu:
        return Result(SKIPPED, "a CPU launches no kernels")
    if not os.path.exists(counter):
        return Result(SKIPPED, "this kit has no library that counts them")
    cases = [("gradient step, official sizes",
              ["learner", "--sizes", "official", "--transitions", "3840"]),
             ("gradient step, desk sizes", ["learner", "--sizes", "desk"]),
             ("sample, official sizes", ["sampler", "--sizes", "official"])]
    data, left = {}, limit_s
    for name, arguments in cases:
        counts = []
        for repeats in COUNTED:
            path = os.path.join(kit.out, "launches.txt")
            more = {"LD_PRELOAD": counter, "FPO_LAUNCH_COUNTS": path}
            log = f"launches-{len(data)}-{repeats}"
            done, file = kit.bench(
                log, [*arguments, "--devices", kit.device, "--repeats", str(repeats)], left, more)
            left -= done.seconds
            if file is None:
                return Result(FAILED, f"{name}: {done.why()}", data)
            counts.append(read_counts(path))
        each = {key: (counts[1][key] - counts[0][key]) / (COUNTED[1] - COUNTED[0])
                for key in counts[0]}
        ms = file["results"][0]["ms_median"]
        data[name] = {"per_call": {k: n for k, n in each.items() if n}, "ms_median": ms,
                      **kernels(each)}
    lines = ["| case | kernels | cuBLAS calls | copies | median | per launch |",
             "|---|---|---|---|---|---|"]
    for name, found in data.items():
        calls = found["kernels"] + found["cublas"]
        per_launch = milliseconds(found["ms_median"] / calls) if calls else ""
        lines.append(f"| {name} | {found['kernels']:.0f} | {found['cublas']:.0f} | "
                     f"{found['copies']:.0f} | {milliseconds(found['ms_median'])} | {per_launch} |")
    first = next(iter(data.values()))
    if first["kernels"] == 0:
        return Result(FAILED, "no launch was seen: the counting library is not in use", data)
    return Result(PASSED, f"a gradient step launches {first['kernels']:.0f} kernels and calls "
                  f"cuBLAS {first['cublas']:.0f} times", data, "\n".join(lines))


def read_counts(path):
    """What the counting library wrote when its process ended."""
    with open(path, encoding="utf-8") as file:
        return {name: int(count) for name, count in (line.split() for line in file)}


def kernels(counts):
    """Counts by what was called."""
    def of(words):
        return sum(n for name, n in counts.items() if name.startswith(words))

    return {"kernels": of("cuLaunch"), "cublas": of("cublas"), "copies": of("cuMemcpy")}


def tf32(kit, limit_s):
    """TF32 against f32: gradient steps and sampling at the paper's sizes."""
    if not kit.on_gpu:
        return Result(SKIPPED, "the CPU has no TF32")
    configs = [kit.written(f"{name}.toml", f'include = ["{kit.config("paper/cheetah_run.toml")}"]\n'
                           f'[train]\nprecision = "{name}"\n') for name in ("f32", "tf32")]
    arguments = ["learner", "sampler", "--sizes", ",".join(configs), "--devices", kit.device]
    done, file = kit.bench("tf32", arguments, limit_s)
    if file is None:
        return Result(FAILED, done.why())
    lines, data = ["| case | f32 | tf32 | times faster |", "|---|---|---|---|"], {}
    for name in ("gradient_step", "sample"):
        f32, rounded = [result["ms_median"] for result in file["results"] if result["name"] == name]
        data[name] = {"f32_ms": f32, "tf32_ms": rounded, "times_faster": f32 / rounded}
        lines.append(f"| {name.replace('_', ' ')} | {milliseconds(f32)} | {milliseconds(rounded)} "
                     f"| {f32 / rounded:.2f} |")
    faster = data["gradient_step"]["times_faster"]
    return Result(PASSED, f"a gradient step is {faster:.2f} times as fast in TF32; how much it "
                  "rounds is in the tests (parity tf32)", data, "\n".join(lines))
