#!/usr/bin/env python3
"""Compares an ONNX graph of `fpo export` with the actions that `fpo eval` recorded, and times it.

    fpo export policy.safetensors -o policy.onnx
    fpo eval policy.safetensors --episodes 4 --record steps.safetensors
    pip install -r scripts/requirements-onnx.txt
    python3 scripts/check_onnx.py policy.onnx steps.safetensors

prints the largest difference over all recorded actions and controls, and the median and the 99th
percentile of the time of a call with one observation (or as many rows as the graph fixes), on one
thread. It fails if an action differs by more than 1e-5 of its size, or of 1 where that is smaller.
"""

import argparse
import sys
import time

try:
    import numpy as np
    import onnxruntime
    from safetensors import SafetensorError
    from safetensors.numpy import load_file
except ImportError as error:
    sys.exit(f"check_onnx: {error}; pip install -r scripts/requirements-onnx.txt")

TOLERANCE = 1e-5
WARM_UP = 200
NAMES = ("obs", "noise", "action", "control")


class CheckError(Exception):
    """Something that cannot be compared."""


def open_graph(path):
    """The graph on one thread, the number of its rows (None: any), and the sizes of its inputs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    except Exception as error:  # The library raises classes that have no common base of its own.
        raise CheckError(f"{path}: {error}") from error
    shapes = {value.name: value.shape for value in session.get_inputs()}
    if sorted(shapes) != ["noise", "obs"]:
        raise CheckError(f"{path}: its inputs are {', '.join(shapes)}, expected obs and noise")
    rows = shapes["obs"][0]
    sizes = {name: shape[1] for name, shape in shapes.items()}
    return session, rows if isinstance(rows, int) else None, sizes


def read_recording(path, sizes):
    """The recorded numbers by name, one row for each action."""
    try:
        recording = load_file(path)
        rows = {name: recording[name].reshape(-1, recording[name].shape[-1]) for name in NAMES}
    except KeyError as error:
        raise CheckError(f"{path}: there is no tensor {error}") from error
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckError(f"{path}: {error}") from error
    for name, size in sizes.items():
        if rows[name].shape[1] != size:
            found = rows[name].shape[1]
            raise CheckError(f"{path}: {name} has {found} numbers, the graph expects {size}")
    return rows


def run(session, rows, obs, noise):
    """Action and control for every row; a graph of fixed rows runs on as many at a time."""
    count = len(obs)
    step = rows or count
    # What is left at the end is filled up with rows whose results are dropped.
    pad = [(0, -count % step), (0, 0)]
    obs, noise = np.pad(obs, pad), np.pad(noise, pad)
    parts = [
        session.run(["action", "control"], {"obs": obs[k : k + step], "noise": noise[k : k + step]})
        for k in range(0, len(obs), step)
    ]
    return [np.concatenate(part)[:count] for part in zip(*parts)]


def latency(session, obs, noise, calls):
    """Seconds that each of `calls` calls takes, after some that do not count."""
    feed = {"obs": obs, "noise": noise}
    seconds = []
    for _ in range(WARM_UP + calls):
        start = time.perf_counter()
        session.run(["control"], feed)
        seconds.append(time.perf_counter() - start)
    return np.array(seconds[WARM_UP:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graph", help="policy.onnx")
    parser.add_argument("recording", help="file of `fpo eval --record`")
    parser.add_argument("--calls", type=int, default=5000, help="timed calls [default: 5000]")
    args = parser.parse_args()
    if args.calls < 1:
        parser.error("--calls must be 1 or more")
    try:
        session, rows, sizes = open_graph(args.graph)
        recorded = read_recording(args.recording, sizes)
        obs, noise = recorded["obs"], recorded["noise"]
        found = dict(zip(("action", "control"), run(session, rows, obs, noise)))
    except CheckError as error:
        sys.exit(f"check_onnx: {error}")
    errors = {name: np.abs(found[name] - recorded[name]) for name in found}
    largest = max(error.max() for error in errors.values())
    share = max((errors[name] / np.maximum(1, np.abs(recorded[name]))).max() for name in errors)
    print(f"{len(obs)} actions, largest difference {largest:.2e}, relative {share:.2e}")
    batch = rows or 1
    if len(obs) >= batch:
        times = 1e6 * latency(session, obs[:batch], noise[:batch], args.calls)
        middle, late = np.percentile(times, [50, 99])
        print(f"batch {batch}, one thread: p50 {middle:.0f} µs, p99 {late:.0f} µs")
    if not share <= TOLERANCE:
        sys.exit(f"check_onnx: differs by more than {TOLERANCE} of an action's size")


if __name__ == "__main__":
    main()
