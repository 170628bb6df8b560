"""What both comparisons share: the Python environment, the fpo program, tables and files."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MARK = "FPO_PEERS_PYTHON"


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--fpo", type=lambda path: pathlib.Path(path).resolve(),
                        default=ROOT / "target/release/fpo",
                        help="the program to measure [target/release/fpo]")
    parser.add_argument("--python", help="a Python that has the packages of requirements.txt; "
                        "without it, one is set up in third_party/peers")
    parser.add_argument("--rounds", type=int, default=7, help="each contender's turns [7]")
    parser.add_argument("--json", type=pathlib.Path, help="file to write")
    return parser


def enter(args, suffix=""):
    """Goes on in a Python that has the packages of requirements`suffix`.txt."""
    if os.environ.get(MARK):
        return
    python = args.python
    if python is None:
        environment = ROOT / "third_party" / f"peers{suffix}"  # git ignores it
        python = environment / "bin" / "python"
        if not (environment / "complete").exists():
            print(f"setting up {environment}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--only-binary=:all:",
                            "--requirement", HERE / f"requirements{suffix}.txt"], check=True)
            (environment / "complete").touch()
    os.environ[MARK] = "1"
    sys.stdout.flush()
    os.execv(python, [str(python), *sys.argv])


def fpo(args, *words):
    """What `fpo WORDS` prints, as JSON."""
    if not args.fpo.exists():
        sys.exit(f"{args.fpo} is missing: cargo build --release")
    command = [str(args.fpo), *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def alternate(rounds, contenders):
    """Calls every contender once a round, a different one first each time: {name: [result]}."""
    names = list(contenders)
    results = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            results[name].append(contenders[name]())
    return results


def medians(results):
    return {name: statistics.median(values) for name, values in results.items()}


def spread(values):
    """Half the distance between the quartiles, as a share of the median."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / statistics.median(values)


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())


def save(args, content):
    if args.json:
        args.json.write_text(json.dumps(content, indent=2) + "\n")
