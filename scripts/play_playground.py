#!/usr/bin/env python3
"""Plays a policy that `fpo` trained in MuJoCo Playground's own environment, on MJX.

Everything but the policy is the Playground's: model, starts, observation, reward and physics.

    pip install -r scripts/requirements-playground.txt
    python3 scripts/play_playground.py policy.safetensors --episodes 256

prints the mean return with its standard error and its 95 % interval. On its first import the
Playground clones robot models that these tasks do not need; an empty folder
mujoco_playground/external_deps/mujoco_menagerie in its place prevents that.
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

from playing import PlayError, main


def returns(player, args):
    """The returns of episodes that MJX steps side by side."""
    import jax
    from mujoco_playground import dm_control_suite

    if player.task not in dm_control_suite.ALL_ENVS:
        known = ", ".join(dm_control_suite.ALL_ENVS)
        raise PlayError(f"the Playground has no task `{player.task}`; it has {known}")
    env = dm_control_suite.load(player.task)
    reset, advance = jax.jit(jax.vmap(env.reset)), jax.jit(jax.vmap(env.step))
    state = reset(jax.random.split(jax.random.key(args.seed), args.episodes))

    def step(control):
        nonlocal state
        state = advance(state, control.astype(np.float32))
        return np.asarray(state.obs), np.asarray(state.reward, dtype=np.float64)

    return player.play(f"the Playground's {player.task}", np.asarray(state.obs), step)


if __name__ == "__main__":
    main(__doc__, returns, "requirements-playground.txt")
