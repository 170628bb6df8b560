#!/usr/bin/env python3
"""Reads the logs of runs as others do, and checks that they say the same.

    check_logs.py RUN…

Reads metrics.jsonl with pandas and the event files with TensorBoard's own reader. Every iteration
must be there once, every scalar must have the same steps and values in both, and the text `config`
must be the run's configuration. Prints a line for each run; the first difference is an error.
Needs what requirements-logs.txt lists.
"""

import argparse
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

# Numbers that JSON cannot hold are written as these.
NOT_FINITE = {"NaN": np.nan, "inf": np.inf, "-inf": -np.inf}


class Difference(Exception):
    """The first thing that is not as it should be."""


def read_metrics(run):
    """Returns metrics.jsonl as a table with the steps as its index."""
    path = run / "metrics.jsonl"
    # Neither are names of columns dates, nor is the hash of the parameters a number.
    table = pd.read_json(path, lines=True, dtype=False, precise_float=True)
    if table.empty:
        raise Difference("metrics.jsonl has no line")
    return table.set_index("step").drop(columns="params", errors="ignore")


def scalars_of(table):
    """Returns the steps and values of every metric, as f32, which events hold."""
    found = {}
    for key, column in table.items():
        column = column.dropna()
        values = [NOT_FINITE.get(x, x) if isinstance(x, str) else x for x in column]
        with np.errstate(over="ignore"):
            found[key] = (list(column.index), np.array(values, dtype=np.float64).astype(np.float32))
    return found


def check_steps(steps, config):
    """Fails unless there is one line for each iteration, and perhaps one before the first."""
    train = config["train"]
    step = train["batch_size"] * train["num_minibatches"] * train["unroll_length"]
    if steps[0] not in (0, step):
        raise Difference(f"metrics.jsonl begins at step {steps[0]}")
    for before, after in zip(steps, steps[1:]):
        if after - before != step:
            what = f"an iteration has {step} steps"
            raise Difference(f"metrics.jsonl has step {after} after step {before}; {what}")


def check_scalars(metrics, events):
    """Fails unless every metric has the same steps and values in the events."""
    tags = set(events.Tags()["scalars"])
    for tag in sorted(tags ^ metrics.keys()):
        place = "the events" if tag in tags else "metrics.jsonl"
        raise Difference(f"{tag} is in {place} only")
    for tag, (steps, values) in metrics.items():
        recorded = events.Scalars(tag)
        found = [event.step for event in recorded]
        if found != steps:
            odd = next((pair for pair in zip(found, steps) if pair[0] != pair[1]), None)
            what = f"step {odd[0]} for {odd[1]}" if odd else f"{len(found)} for {len(steps)} steps"
            raise Difference(f"{tag}: the events have {what}")
        for event, value in zip(recorded, values):
            if not np.array_equal(np.float32(event.value), value, equal_nan=True):
                what = f"{event.value} in the events and {value} in metrics.jsonl"
                raise Difference(f"{tag} at step {event.step} is {what}")


def check_config(config, events):
    """Fails unless the last text `config` is the configuration."""
    if "config" not in events.Tags()["tensors"]:
        raise Difference("the events have no text `config`")
    plugin = events.SummaryMetadata("config").plugin_data.plugin_name
    if plugin != "text":
        raise Difference(f"`config` belongs to the plugin `{plugin}`, not to `text`")
    text = tensor_util.make_ndarray(events.Tensors("config")[-1].tensor_proto).item().decode()
    found = tomllib.loads(textwrap.dedent(text))
    for section in sorted(config.keys() | found.keys()):
        ours, theirs = config.get(section, {}), found.get(section, {})
        for field in sorted(ours.keys() | theirs.keys()):
            if ours.get(field) != theirs.get(field):
                what = f"{theirs.get(field)} in the events and {ours.get(field)} in config.toml"
                raise Difference(f"{section}.{field} is {what}")


def check(run):
    """Returns what to say of a run whose logs agree."""
    config = tomllib.loads((run / "config.toml").read_text())
    table = read_metrics(run)
    steps = list(table.index)
    check_steps(steps, config)
    everything = {event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0}
    events = event_accumulator.EventAccumulator(str(run / "tensorboard"), everything)
    events.Reload()
    metrics = scalars_of(table)
    check_scalars(metrics, events)
    check_config(config, events)
    values = sum(len(steps) for steps, _ in metrics.values())
    files = len(list((run / "tensorboard").iterdir()))
    lines = f"{len(steps)} lines, steps {steps[0]:,} to {steps[-1]:,}"
    agree = f"{len(metrics)} metrics with {values:,} values as in {files} event files"
    return f"{lines}, {agree}; the configuration too"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", nargs="+", type=Path, help="folder of a run")
    for run in parser.parse_args().run:
        try:
            print(f"{run}: {check(run)}")
        except (Difference, OSError, ValueError, KeyError) as error:
            sys.exit(f"check_logs: {run}: {error}")


if __name__ == "__main__":
    main()
