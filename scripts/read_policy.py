#!/usr/bin/env python3
"""Loads a policy that `fpo` trained and computes actions from given observations and noise.

Needs numpy and safetensors only, and shows all there is to running a policy elsewhere:

    obs_norm = (obs - normalizer.mean) / normalizer.std
    a flow:      x = noise at t = 1; for each time t of the schedule with its factors (k, g)
                 x = k * x + g * output_scale * network(obs_norm, x, embed(t)); action = x
    a Gaussian:  mean, s = network(obs_norm); action = mean + (softplus(s) + min_std) * noise
    the control is tanh(action)

As a program:
    read_policy.py POLICY                          what the file says about itself
    read_policy.py POLICY --obs -0.1,0,… --noise 0,…   the action for one observation
    read_policy.py POLICY --check RECORDING        compares with `fpo eval --record RECORDING`
"""

import argparse
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
            self.info = json.loads((file.metadata() or {}).get("fpo", "{}"))
        if self.info.get("format") != "fpo-policy" or self.info.get("format_version") != 2:
            raise ValueError("not an fpo policy of format version 2")
        self.config = self.info["policy"]
        tensors = load_file(path)
        self.mean, self.std = tensors["normalizer.mean"], tensors["normalizer.std"]
        self.source_std = self.config.get("source_std", 1.0) * np.exp(
            tensors.get("policy.source_log_scale", np.float32(0))
        )
        count = len(self.config["hidden"]) + 1
        self.layers = [
            (tensors[f"policy.{k}.weight"], tensors[f"policy.{k}.bias"]) for k in range(count)
        ]

    def network(self, *inputs):
        """The perceptron on its inputs side by side."""
        h = np.concatenate(inputs, axis=1).astype(np.float32)
        for weight, bias in self.layers[:-1]:
            h = self.activation(h @ weight + bias)
        weight, bias = self.layers[-1]
        return h @ weight + bias

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
        obs_norm = (obs - self.mean) / self.std
        x = noise.astype(np.float32)
        if self.config["kind"] == "gaussian":
            mean, s = np.split(self.network(obs_norm), 2, axis=1)
            return mean + (np.logaddexp(0, s) + np.float32(self.config["min_std"])) * x
        x = np.float32(self.source_std) * x
        scale = self.config["output_scale"]
        for t, (keep, gain) in zip(self.config["schedule"], self.config["step_factors"]):
            output = self.network(obs_norm, x, self.embed(t, len(x)))
            x = np.float32(keep) * x + np.float32(gain * scale) * output
        return x

    def control(self, action):
        """What the environment receives."""
        return np.tanh(action) if self.config["squash"] == "tanh" else action


def check(policy, path):
    """Compares every recorded action and control; returns the largest difference."""
    recording = load_file(path)
    rows = {name: a.reshape(-1, a.shape[-1]) for name, a in recording.items() if a.ndim == 3}
    action = policy.act(rows["obs"], rows["noise"])
    errors = [
        np.abs(action - rows["action"]).max(),
        np.abs(policy.control(action) - rows["control"]).max(),
    ]
    print(f"{len(action)} actions, largest difference {max(errors):.2e}")
    return max(errors)


def numbers(text, size, what):
    """A row of `size` numbers from a comma-separated list."""
    values = [float(x) for x in text.split(",")]
    if len(values) != size:
        raise ValueError(f"{what} has {len(values)} numbers, expected {size}")
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
    except (OSError, ValueError, KeyError, SafetensorError) as error:
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
