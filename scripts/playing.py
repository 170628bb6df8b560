"""What play_policy.py and play_playground.py share: their arguments, the loop, and the report."""

import argparse
import sys

import numpy as np
from safetensors import SafetensorError

from read_policy import Policy

# The 97.5 % quantile of the normal distribution.
HALF_WIDTH = 1.96


class PlayError(Exception):
    """Something that cannot be played."""


class Player:
    """A policy, with how it acts in evaluations and how long it holds an action."""

    def __init__(self, path, seed):
        self.policy = Policy(path)
        info = self.policy.info
        self.task, self.steps = info["task"], info["episode_length"]
        self.repeat, self.start = info.get("action_repeat", 1), info["start"]
        self.size = self.policy.config["action_dim"]
        self.rng = np.random.default_rng(seed)

    def control(self, obs):
        """What the environments receive, for observations of shape (episodes, size)."""
        shape = (len(obs), self.size)
        noise = self.rng.standard_normal(shape) if self.start == "noise" else np.zeros(shape)
        return np.clip(self.policy.control(self.policy.act(obs, noise)), -1, 1)

    def play(self, name, obs, step):
        """The returns of episodes that run side by side: `step(control)` gives obs and reward."""
        expected = self.policy.config["obs_dim"]
        if obs.shape[1] != expected:
            raise PlayError(f"{name} observes {obs.shape[1]} numbers, the policy {expected}")
        returns = np.zeros(len(obs))
        for k in range(self.steps):
            if k % self.repeat == 0:
                control = self.control(obs)
            obs, reward = step(control)
            returns += reward
        return returns


def report(returns):
    """Mean, standard error and 95 % interval of returns, in one line."""
    mean = returns.mean()
    line = f"return {mean:.1f}"
    if len(returns) > 1:
        error = returns.std(ddof=1) / np.sqrt(len(returns))
        low, high = mean - HALF_WIDTH * error, mean + HALF_WIDTH * error
        line += f" ± {error:.1f}, 95 % interval [{low:.1f}, {high:.1f}]"
    return f"{line} (min {returns.min():.1f}, max {returns.max():.1f}), {len(returns)} episodes"


def main(text, returns_of, requirements, add_arguments=None):
    """Reads the command line, plays with `returns_of(player, args)`, and reports.

    `requirements` is the file in scripts/ with the packages that this takes.
    """
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("policy", help="policy.safetensors")
    parser.add_argument("--episodes", type=int, default=128, help="[default: 128]")
    parser.add_argument("--seed", type=int, default=0, help="of starts and noise [default: 0]")
    if add_arguments:
        add_arguments(parser)
    args = parser.parse_args()
    program = parser.prog.removesuffix(".py")
    if args.episodes < 1:
        parser.error("--episodes must be 1 or more")
    if args.seed < 0:
        parser.error("--seed must be 0 or more")
    try:
        player = Player(args.policy, args.seed)
        print(report(returns_of(player, args)))
    except ImportError as error:
        sys.exit(f"{program}: {error}; pip install -r scripts/{requirements}")
    except PlayError as error:
        sys.exit(f"{program}: {error}")
    except KeyError as error:
        sys.exit(f"{program}: {args.policy}: there is no {error}")
    except (OSError, TypeError, ValueError, SafetensorError) as error:
        sys.exit(f"{program}: {args.policy}: {error}")
