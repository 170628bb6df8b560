"""check.sh: finds the libraries, runs the parts one after another, and writes the report."""
import argparse
import json
import os
import re
import signal
import sys
import time

import libraries
import parts
import report
import training

# Name, what it does, the most seconds it may take, and the fewest that are worth a start.
PARTS = [
    ("doctor", parts.doctor, 30, 2),
    ("first start", parts.first_start, 90, 10),
    ("tests", parts.device_tests, 120, 5),
    ("bench", parts.bench, 150, 5),
    ("launches", parts.launches, 60, 15),
    ("paper", training.paper, 120, 15),
    ("tf32", parts.tf32, 40, 10),
    ("cartpole", training.cartpole, 240, 30),
]
LIMIT_S = 450.0  # within 8 minutes, with what it takes to end the last part


def arguments():
    parser = argparse.ArgumentParser(
        prog="check.sh", description="Checks this kit on this machine and writes report.md and "
        "report.json.", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--device", default="cuda", type=device, metavar="cuda|cuda:N|cpu",
                        help="what to check")
    parser.add_argument("--out", default="fpo-gpu-report", metavar="FOLDER",
                        help="where the report goes, and the logs of all parts")
    parser.add_argument("--quick", action="store_true",
                        help="a look at whether everything starts, in seconds")
    names = [name for name, *_ in PARTS]
    parser.add_argument("--parts", default=",".join(names), metavar="PART,…",
                        type=lambda text: chosen(text, names), help="only these parts")
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="SECONDS",
                        help="the most that all parts together may take")
    return parser.parse_args()


def device(text):
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is none of cpu, cuda, cuda:1")
    return text


def chosen(text, names):
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise argparse.ArgumentTypeError(f"no part {unknown[0]!r}; there are {', '.join(names)}")
    return wanted


def read_manifest(kit):
    try:
        with open(os.path.join(kit, "manifest.json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def why_not(kit, manifest, asked, environment):
    """(libraries found, reasons for which the CUDA programs cannot run here)."""
    if asked == "cpu":
        return {}, []
    reasons = []
    if not os.path.exists(os.path.join(kit, "cuda", "fpo")):
        reasons.append("this kit has no CUDA programs")
    old = libraries.too_old_glibc(manifest.get("glibc", "2"))
    if old:
        reasons.append(old)
    names = dict.fromkeys([*libraries.NEEDED, *manifest.get("cuda_needs", [])])
    found, missing = libraries.find(names, environment)
    if missing:
        reasons.append(libraries.missing_words(missing))
    return found, reasons


def main():
    args = arguments()
    began = time.monotonic()
    kit_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    out = os.path.abspath(args.out)
    try:
        os.makedirs(os.path.join(out, "logs"), exist_ok=True)
    except OSError as error:
        sys.exit(f"check: --out {args.out}: {error.strerror}")
    manifest = read_manifest(kit_folder)
    found, missing = why_not(kit_folder, manifest, args.device, os.environ)
    in_use = "cpu" if missing else args.device
    environment = {**os.environ, "CUDA_CACHE_PATH": os.path.join(out, "compiled"),
                   "LD_LIBRARY_PATH": libraries.search_path(kit_folder, found, os.environ)}
    kit = parts.Kit(kit_folder, out, in_use, args.quick, environment)
    state = {"verdict": "under way", "asked": args.device, "device": in_use, "seconds": 0.0,
             "limit_s": args.limit, "quick": args.quick, "manifest": manifest,
             "machine": libraries.facts(), "libraries": found, "missing": missing, "parts": []}
    for words in missing:
        print(f"check: cannot run on {args.device}: {words}")
    if missing:
        print("check: the parts run on the CPU instead")
    for name, function, most, fewest in PARTS:
        if name not in args.parts:
            continue
        started = time.monotonic()
        left = args.limit - (started - began)
        if left < fewest:
            result = parts.Result(parts.SKIPPED, f"{max(left, 0):.0f} s were left, and it needs "
                                  f"{fewest} at least")
        else:
            try:
                result = function(kit, min(most, left))
            # One part that goes wrong in a way nobody thought of must not stop the others.
            except Exception as error:  # pylint: disable=broad-except
                result = parts.Result(parts.FAILED, f"the check itself: {error!r}")
        state["parts"].append({
            "name": name, "device": in_use, "status": result.status, "line": result.line,
            "seconds": time.monotonic() - started, "text": result.text, "data": result.data})
        state["seconds"] = time.monotonic() - began
        print(f"{name:<12} {result.status:<8} {result.line}", flush=True)
        report.write(out, state)
    failed = [part["name"] for part in state["parts"] if part["status"] == parts.FAILED]
    skipped = [part["name"] for part in state["parts"] if part["status"] == parts.SKIPPED]
    words = []
    if missing:
        words.append(f"could not be run on {args.device}")
    if failed:
        words.append(f"failed: {', '.join(failed)}")
    if skipped:
        words.append(f"skipped: {', '.join(skipped)}")
    good = not missing and not failed
    state["verdict"] = "; ".join((["passed"] if good else []) + words)
    report.write(out, state)
    print(f"check: {state['verdict']}; {os.path.join(out, 'report.md')}")
    return 0 if good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
