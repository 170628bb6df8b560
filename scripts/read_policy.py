#!/usr/bin/env python3
"""Loads a policy that `fpo` trained and computes actions from given observations and noise.

Needs numpy and safetensors only, and shows all there is to running a policy elsewhere:

    obs_norm = (obs - normalizer.mean) / normalizer.std, and 0 for groups that the policy hides
    a flow:      x = width * noise at t = 1, where the width is source_std, times exp of the
                 source_log_scale if there is one; for each time t of the schedule with its factors
                 (k, g) x = k * x + g * output_scale * network(obs_norm, x, embed(t)); action = x
    in a frame:  the same from a width of 1; h, centre = frame network(obs_norm);
                 action = centre + source_std * exp(3 * tanh(h / 3)) * x
    a Gaussian:  mean, s = network(obs_norm); action = mean + (softplus(s) + min_std) * noise
    the control is tanh(action)

As a program:
    read_policy.py POLICY                          what the file says about itself
    read_policy.py POLICY --obs -0.1,0,… --noise 0,…   the action for one observation
    read_policy.py POLICY --check RECORDING        compares with `fpo eval --record RECORDING`
"""

import argparse
import hashlib
import json
import sys

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

TOLERANCE = 1e-5


class Policy:
    """A policy: `act(obs, noise)` for arrays of shape (rows, size)."""

    def __init__(self, path):
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("fpo", "{}")
        try:
            self.info = json.loads(text)
        except RecursionError:
            raise ValueError("the metadata is nested too deeply") from None
        version = 3 if "sight" in self.info else 2
        if self.info.get("format") != "fpo-policy" or self.info.get("format_version") != version:
            raise ValueError("not an fpo policy of format version 2, or 3 with `sight`")
        self.config = self.info["policy"]
        tensors = load_file(path)
        check_digest(text, tensors)
        check_numbers(tensors)
        self.mean, self.std = tensors["normalizer.mean"], tensors["normalizer.std"]
        self.seen = seen(self.info.get("sight"), len(self.mean))
        self.log_scale = tensors.get("policy.source_log_scale", np.float32(0))
        count = len(self.config["hidden"]) + 1
        self.layers, self.frames = (
            [(tensors[f"{name}.{k}.weight"], tensors[f"{name}.{k}.bias"]) for k in range(count)]
            if f"{name}.0.weight" in tensors
            else []
            for name in ("policy", "frame")
        )

    def network(self, *inputs, layers=None):
        """The perceptron on its inputs side by side."""
        layers = layers or self.layers
        h = np.concatenate(inputs, axis=1).astype(np.float32)
        for weight, bias in layers[:-1]:
            h = self.activation(h @ weight + bias)
        weight, bias = layers[-1]
        return h @ weight + bias

    def frame(self, obs_norm):
        """The width of the noise that a flow starts from, and the centre and the width of actions
        in whose units it moves."""
        source_std = np.float32(self.config.get("source_std", 1.0))
        if not self.frames:
            return source_std * np.exp(self.log_scale), np.float32(0), np.float32(1)
        h, centre = np.split(self.network(obs_norm, layers=self.frames), 2, axis=1)
        return np.float32(1), centre, source_std * np.exp(3 * np.tanh(h / 3))

    def embed(self, t, rows):
        """The cosines and sines of `t * 2^k`, for each of `rows` rows."""
        angles = t * 2.0 ** np.arange(self.config["time_embedding"] // 2)
        embedding = np.concatenate([np.cos(angles), np.sin(angles)])
        return np.broadcast_to(embedding, (rows, len(embedding)))

    def activation(self, h):
        """The non-linearity of the hidden layers."""
        if self.config["activation"] == "relu":
            return np.maximum(h, 0)
        return h / (1 + np.exp(-h))

    def act(self, obs, noise):
        """Actions before squashing."""
        obs_norm = (obs - self.mean) / self.std * self.seen
        x = noise.astype(np.float32)
        if self.config["kind"] == "gaussian":
            mean, s = np.split(self.network(obs_norm), 2, axis=1)
            return mean + (np.logaddexp(0, s) + np.float32(self.config["min_std"])) * x
        start, centre, width = self.frame(obs_norm)
        x = start * x
        scale = self.config["output_scale"]
        for t, (keep, gain) in zip(self.config["schedule"], self.config["step_factors"]):
            output = self.network(obs_norm, x, self.embed(t, len(x)))
            x = np.float32(keep) * x + np.float32(gain * scale) * output
        return centre + width * x

    def control(self, action):
        """What the environment receives."""
        return np.tanh(action) if self.config["squash"] == "tanh" else action


def seen(sight, size):
    """1 for each of an observation's numbers that the policy sees, and 0 for each other one."""
    mask = np.ones(size, dtype=np.float32)
    if sight is None:
        return mask
    ranges = {group["name"]: group["range"] for group in sight["groups"]}
    for name in sight["hides"]:
        if name not in ranges:
            raise ValueError(f"`sight` hides {name}, which is not among its groups")
        first, end = ranges[name]
        if not 0 <= first < end <= size:
            raise ValueError(f"`sight` has {name} at {first} to {end} of {size} numbers")
        mask[first:end] = 0
    return mask


def check_digest(text, tensors):
    """Fails unless text and tensors have the SHA-256 at the end of the text, if it has one."""
    open_text, entry, rest = text.rpartition(',"sha256":"')
    if not entry:
        print("read_policy: no digest: damage to this file may go unnoticed", file=sys.stderr)
        return
    digest = hashlib.sha256(open_text.encode())
    for name in sorted(tensors, key=str.encode):
        sizes = ",".join(map(str, tensors[name].shape))
        kind = {"float32": "F32"}.get(str(tensors[name].dtype), "?")
        digest.update(f"{name} {kind} {sizes}\n".encode())
        digest.update(tensors[name].astype("<f4").tobytes())
    if rest != digest.hexdigest() + '"}':
        raise ValueError("it is damaged: its content does not have the SHA-256 that it names")


def check_numbers(tensors):
    """Fails unless all numbers are finite and deviations positive."""
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ValueError(f"tensor {name} holds a number that is not finite")
    if not (tensors["normalizer.std"] > 0).all():
        raise ValueError("tensor normalizer.std holds a deviation that is not positive")


class RecordingError(Exception):
    """A recording that cannot be compared with."""


def check(policy, path):
    """Compares every recorded action and control; returns the largest difference."""
    try:
        recording = load_file(path)
        rows = {name: a.reshape(-1, a.shape[-1]) for name, a in recording.items() if a.ndim == 3}
        for name in ("obs", "noise", "action", "control"):
            if not np.isfinite(rows[name]).all():
                raise ValueError(f"{name} holds a number that is not finite")
        for name, size in (("obs", "obs_dim"), ("noise", "action_dim")):
            if rows[name].shape[1] != policy.config[size]:
                found = rows[name].shape[1]
                raise ValueError(f"{name} has {found} numbers, expected {policy.config[size]}")
    except KeyError as error:
        raise RecordingError(f"{path}: there is no tensor {error}") from error
    except (OSError, ValueError, SafetensorError) as error:
        raise RecordingError(f"{path}: {error}") from error
    action = policy.act(rows["obs"], rows["noise"])
    errors = [
        np.abs(action - rows["action"]).max(),
        np.abs(policy.control(action) - rows["control"]).max(),
    ]
    print(f"{len(action)} actions, largest difference {max(errors):.2e}")
    return max(errors)


class ArgumentError(Exception):
    """A flag whose value does not fit."""


def numbers(text, size, what):
    """A row of `size` numbers from a comma-separated list."""
    try:
        values = [float(x) for x in text.split(",")]
    except ValueError as error:
        raise ArgumentError(f"{what}: {error}") from error
    if len(values) != size:
        raise ArgumentError(f"{what} has {len(values)} numbers, expected {size}")
    if not np.isfinite(values).all():
        raise ArgumentError(f"{what} holds a number that is not finite")
    return np.array([values], dtype=np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", help="policy.safetensors")
    parser.add_argument("--obs", help="observation, comma-separated")
    parser.add_argument("--noise", help="noise to start from, comma-separated [default: zeros]")
    parser.add_argument("--check", metavar="RECORDING", help="file of `fpo eval --record`")
    # A list that begins with a minus sign would be taken for an option: tie it to its own.
    words = sys.argv[1:]
    for k in range(len(words) - 1, 0, -1):
        if words[k - 1] in ("--obs", "--noise"):
            words[k - 1 : k + 1] = [f"{words[k - 1]}={words[k]}"]
    args = parser.parse_args(words)
    try:
        run(args)
    except (ArgumentError, RecordingError) as error:
        sys.exit(f"read_policy: {error}")
    except KeyError as error:
        sys.exit(f"read_policy: {args.policy}: there is no {error}")
    except (OSError, TypeError, ValueError, SafetensorError) as error:
        sys.exit(f"read_policy: {args.policy}: {error}")


def run(args):
    """Does what the arguments ask for."""
    policy = Policy(args.policy)
    if args.check:
        error = check(policy, args.check)
        sys.exit(0 if error <= TOLERANCE else f"read_policy: differs by more than {TOLERANCE}")
    if args.obs is None:
        print(json.dumps(policy.info, indent=2))
        return
    obs = numbers(args.obs, policy.config["obs_dim"], "--obs")
    zeros = ",".join(["0"] * policy.config["action_dim"])
    noise = numbers(args.noise or zeros, policy.config["action_dim"], "--noise")
    action = policy.act(obs, noise)
    print(json.dumps({"action": action[0].tolist(), "control": policy.control(action)[0].tolist()}))


if __name__ == "__main__":
    main()
