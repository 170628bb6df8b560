"""Kills runs, breaks their disk and damages their files, and compares what becomes of them.

    python3 scripts/torture/torture.py FPO [--quick] [--seed N]

FPO is the program. A small run is made undisturbed. Then the same run is made again, and

- killed at every one of its file operations, before it or in the middle of a write;
- killed at random moments, twice in a row;
- given a disk that is full, read-only or faulty from some operation on, or for one only;
- started twice in the same folder at once;
- finished or killed, and then a file of it is damaged.

Each time the run is continued, and ends like the undisturbed one in all of its files, times aside,
or is refused with a message that names a file. The counts are printed; the first thing that is
otherwise ends the script with code 1 and leaves the folder. --quick makes a small part of this, the
same one each time. It needs a C compiler, and Linux.
"""

import argparse
import errno
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CONFIG = """
[env]
task = "GridWorld/two_walls"
num_envs = 16
[train]
total_steps = 1536
unroll_length = 8
batch_size = 16
num_minibatches = 4
num_epochs = 2
device = "cpu"
[policy]
hidden = [8]
[value]
hidden = [8]
[algorithm]
kind = "fpo"
num_samples = 2
[eval]
count = 3
episodes = 4
[checkpoint]
interval_s = 0.0
keep = 100
"""
# Files that have a digest, besides those of tensors.
DIGESTED = ("state.json", "manifest.json", "best.json")
# What a run may leave that differs: when it was made and how long it took.
TIMELESS = ("tensorboard/", ".lock", "outcome.json", "set-aside/")


class Broken(Exception):
    """Something is not as it must be."""


class Bench:
    """The program, the undisturbed run and the folder in which all is done."""

    def __init__(self, program, folder):
        self.program, self.folder = str(program), folder
        (folder / "c.toml").write_text(CONFIG)
        self.library = folder / "faults.so"
        source = ["cc", "-shared", "-fPIC", "-O1", "-o", self.library, HERE / "faults.c", "-ldl"]
        subprocess.run(source, check=True)
        self.count_file = folder / "count"
        self.whole = folder / "whole"
        ended = self.train(self.whole, TORTURE_COUNT=self.count_file)
        self.expect(ended.returncode == 0, "the undisturbed run fails", ended)
        self.operations = int(self.count_file.read_text())
        self.expected = self.content(self.whole)

    def train(self, run, timeout=None, **faults):
        """Starts or continues the run in `run`, under these faults."""
        environment = dict(os.environ, RAYON_NUM_THREADS="1")
        if faults:
            environment.update({name: str(value) for name, value in faults.items()})
            environment.update(LD_PRELOAD=str(self.library), TORTURE_ROOT=str(self.folder))
        command = [self.program, "train", "c.toml", "--out", run.name, "--resume-or-start"]
        process = subprocess.Popen(command, cwd=self.folder, env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        if "panicked" in err:
            raise Broken(f"a panic:\n{err}")
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def fpo(self, *arguments):
        """Runs another command of the program."""
        ended = subprocess.run([self.program, *map(str, arguments)], cwd=self.folder, text=True,
                               capture_output=True, check=False)
        if "panicked" in ended.stderr:
            raise Broken(f"a panic:\n{ended.stderr}")
        return ended

    def content(self, run, matters=lambda name: True):
        """Returns the files of a run by their names, without what depends on the clock."""
        found = {}
        for path in sorted(run.rglob("*")):
            name = path.relative_to(run).as_posix()
            if path.is_dir() or name.startswith(TIMELESS) or not matters(name):
                continue
            content = path.read_bytes()
            if name == "metrics.jsonl":
                rows = [json.loads(line) for line in content.splitlines()]
                content = [{k: v for k, v in row.items() if not k.startswith("time/")}
                           for row in rows]
            elif name.endswith("state.json"):
                content = {k: v for k, v in json.loads(content).items() if k != "elapsed_s"}
                content["pending"] = [pair for pair in content["pending"] or []
                                      if not pair[0].startswith("time/")]
            elif name.endswith("manifest.json"):
                # It holds the digest of the file with the time.
                continue
            found[name] = content
        return found

    def learnt(self, run):
        """Returns what a run has learnt: its last checkpoint and its policy."""
        last = max(name.split("/")[1] for name in self.expected if name.startswith("checkpoints/"))
        return self.content(run, lambda name: last in name or name == "policy.safetensors")

    def expect_same(self, run, what):
        """Continues `run`, and fails unless it ends like the undisturbed one."""
        ended = self.train(run)
        self.expect(ended.returncode == 0, f"{what}: the run does not go on", ended)
        found = self.content(run)
        # A checkpoint of every step is kept, but a kill may have come before one was made.
        for name in sorted(set(self.expected) | set(found)):
            is_old = name.startswith("checkpoints/") and name not in found
            if found.get(name) != self.expected.get(name) and not is_old:
                raise Broken(f"{what}: {run / name} is not that of the undisturbed run")
        last = sorted(name for name in self.expected if name.startswith("checkpoints/"))[-1]
        if last not in found:
            raise Broken(f"{what}: {run} lacks its last checkpoint")
        shutil.rmtree(run)

    @staticmethod
    def expect(is_good, what, ended):
        if not is_good:
            raise Broken(f"{what}: code {ended.returncode}\n{ended.stderr}")


def chosen(count, most):
    """Returns at most `most` numbers from 1 to `count`, evenly spread."""
    if most is None or count <= most:
        return list(range(1, count + 1))
    return sorted({1 + k * (count - 1) // (most - 1) for k in range(most)})


def kills_at_operations(bench, most):
    done = 0
    for what in ("kill", "tear"):
        for number in chosen(bench.operations, most):
            run = bench.folder / f"{what}-{number}"
            ended = bench.train(run, TORTURE_AT=number, TORTURE_DO=what)
            bench.expect(ended.returncode == -9, f"{what} {number}: it lives", ended)
            bench.expect_same(run, f"{what} at operation {number}")
            done += 1
    return f"{done} kills at {bench.operations} file operations"


def kills_at_random_moments(bench, count, dice):
    for number in range(count):
        run = bench.folder / f"moment-{number}"
        for _ in range(2):
            bench.train(run, timeout=dice.uniform(0.005, 0.4))
        bench.expect_same(run, f"random kills {number}")
    return f"{2 * count} kills at random moments"


def faults(bench, most):
    done = refused = 0
    for error in (errno.ENOSPC, errno.EIO, errno.EROFS):
        for how in ("once", "ever"):
            for number in chosen(bench.operations, most):
                run = bench.folder / f"fault-{error}-{how}-{number}"
                ended = bench.train(run, TORTURE_AT=number, TORTURE_DO=how, TORTURE_ERRNO=error)
                what = f"{errno.errorcode[error]} {how} at operation {number}"
                bench.expect(ended.returncode in (0, 1), what, ended)
                said = os.strerror(error) in ended.stderr
                bench.expect(ended.returncode == 0 or said, f"{what}: not said", ended)
                refused += ended.returncode
                for rescued in bench.folder.glob(f"{run.name}-rescued-*"):
                    shutil.rmtree(rescued)
                bench.expect_same(run, what)
                done += 1
    return f"{done} disk faults, of which {refused} ended the run with their name"


def pairs(bench, count):
    for number in range(count):
        run = bench.folder / f"pair-{number}"
        command = [bench.program, "train", "c.toml", "--out", run.name]
        both = [subprocess.Popen(command, cwd=bench.folder, text=True, stderr=subprocess.PIPE)
                for _ in range(2)]
        texts = [process.communicate()[1] for process in both]
        codes = sorted(process.returncode for process in both)
        if codes != [0, 1] or any("panicked" in text for text in texts):
            raise Broken(f"pair {number} ended with {codes}\n" + "\n".join(texts))
        bench.expect_same(run, f"pair {number}")
    return f"{count} pairs in one folder, of which one trained each time"


def damage(content, dice):
    """Returns bytes that differ from `content`."""
    kind = dice.choice(("flip", "flip", "flip", "cut", "zeros", "more", "empty"))
    at = dice.randrange(len(content)) if content else 0
    if kind == "flip" and content:
        return content[:at] + bytes([content[at] ^ (1 << dice.randrange(8))]) + content[at + 1:]
    if kind == "zeros" and any(content[at:at + 64]):
        return content[:at] + bytes(len(content[at:at + 64])) + content[at + 64:]
    if kind in ("cut", "empty") and content:
        return content[:at if kind == "cut" else 0]
    return content + b"\0more"


def damages(bench, count, dice):
    half = bench.folder / "half"
    shutil.copytree(bench.whole, half)
    last = sorted((half / "checkpoints").iterdir())[-1]
    shutil.rmtree(last)
    counts = {"refused": 0, "harmless": 0, "left": 0}
    for number in range(count):
        run = bench.folder / f"damaged-{number}"
        shutil.copytree(dice.choice((half, bench.whole)), run)
        files = [path for path in sorted(run.rglob("*"))
                 if path.is_file() and "tensorboard" not in path.parts and path.name != ".lock"]
        path = dice.choice(files)
        damaged = damage(path.read_bytes(), dice)
        path.write_bytes(damaged)
        what = f"damage {number} to {path.relative_to(run)}"
        ended = bench.train(run)
        if ended.returncode == 0:
            # What was not read stays as it is, and what was read must not have changed the run.
            counts["harmless"] += 1
            if bench.learnt(run) != bench.learnt(bench.whole):
                raise Broken(f"{what} was taken without a word, with another result: {run}")
        else:
            counts["refused"] += 1
            if not any(part in ended.stderr for part in (path.name, path.parent.name, "config")):
                raise Broken(f"{what}: refused without its name\n{ended.stderr}")
        has_digest = path.suffix == ".safetensors" or path.name in DIGESTED
        if has_digest and path.exists() and path.read_bytes() == damaged:
            counts["left"] += 1
            verified = bench.fpo("verify", run.name)
            if verified.returncode != 1 or "BAD" not in verified.stdout:
                raise Broken(f"{what}: fpo verify does not see it\n{verified.stdout}")
        shutil.rmtree(run)
    return (f"{count} damaged files: {counts['refused']} refused, {counts['harmless']} harmless; "
            f"{counts['left']} of them stayed, and fpo verify named each")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fpo", type=pathlib.Path, help="the program")
    parser.add_argument("--quick", action="store_true", help="a small part, always the same")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments and damages")
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="torture-"))
    quick = arguments.quick
    try:
        bench = Bench(arguments.fpo.resolve(), folder)
        for part in (
            lambda: kills_at_operations(bench, 12 if quick else None),
            lambda: kills_at_random_moments(bench, 3 if quick else 30, dice),
            lambda: faults(bench, 4 if quick else 60),
            lambda: pairs(bench, 3 if quick else 16),
            lambda: damages(bench, 40 if quick else 1200, dice),
        ):
            print(part(), flush=True)
    except Broken as broken:
        print(f"{broken}\nthe folder is left: {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
