#!/usr/bin/env python3
"""Plays a policy that `fpo` trained in the DeepMind Control Suite, on Python's MuJoCo.

Bodies, starts, observations and rewards are the suite's own (dm_control). Episodes have as many
control steps, and hold each action for as many, as in training.

    pip install -r scripts/requirements-play.txt
    python3 scripts/play_policy.py policy.safetensors --episodes 256

prints the mean return with its standard error and its 95 % interval. The tasks of `fpo` are those
of MuJoCo Playground, which integrates the same bodies with other settings than the suite: these are
set here, so that the return is that of `fpo eval`; but BallInCup starts elsewhere in the suite, and
its FingerSpin has other contacts. `--physics suite` leaves the suite's settings.
"""

import os

# Nothing is drawn, so that no graphics library is needed.
os.environ.setdefault("MUJOCO_GL", "disabled")

import numpy as np

from playing import PlayError, main

# How the Playground integrates a domain: seconds of a physics step, physics steps of a control
# step, iterations of the solver, and of its line search. Of the last, C MuJoCo takes two more to
# compute what MJX does.
PHYSICS = {
    "acrobot": (0.01, 1, 2, 4),
    "ball_in_cup": (0.002, 10, 1, 4),
    "cartpole": (0.01, 1, 1, 4),
    "cheetah": (0.01, 1, 4, 8),
    "finger": (0.005, 4, 2, 8),
    "fish": (0.002, 20, 2, 6),
    "hopper": (0.005, 4, 4, 10),
    "humanoid": (0.005, 5, 4, 8),
    "pendulum": (0.01, 2, 4, 8),
    "point_mass": (0.02, 1, 1, 4),
    "reacher": (0.005, 4, 1, 6),
    "swimmer": (0.003, 10, 4, 8),
    "walker": (0.0025, 10, 2, 5),
}
MORE_LINE_SEARCH = 2

# Names of this project, as the suite spells them: domain and task.
TASKS = {
    "AcrobotSwingup": ("acrobot", "swingup"),
    "AcrobotSwingupSparse": ("acrobot", "swingup_sparse"),
    "BallInCup": ("ball_in_cup", "catch"),
    "CartpoleBalance": ("cartpole", "balance"),
    "CartpoleBalanceSparse": ("cartpole", "balance_sparse"),
    "CartpoleSwingup": ("cartpole", "swingup"),
    "CartpoleSwingupSparse": ("cartpole", "swingup_sparse"),
    "CheetahRun": ("cheetah", "run"),
    "FingerSpin": ("finger", "spin"),
    "FingerTurnEasy": ("finger", "turn_easy"),
    "FingerTurnHard": ("finger", "turn_hard"),
    "FishSwim": ("fish", "swim"),
    "HopperHop": ("hopper", "hop"),
    "HopperStand": ("hopper", "stand"),
    "HumanoidRun": ("humanoid", "run"),
    "HumanoidStand": ("humanoid", "stand"),
    "HumanoidWalk": ("humanoid", "walk"),
    "PendulumSwingup": ("pendulum", "swingup"),
    "PointMass": ("point_mass", "easy"),
    "ReacherEasy": ("reacher", "easy"),
    "ReacherHard": ("reacher", "hard"),
    "SwimmerSwimmer6": ("swimmer", "swimmer6"),
    "WalkerRun": ("walker", "run"),
    "WalkerStand": ("walker", "stand"),
    "WalkerWalk": ("walker", "walk"),
}


def flat(time_step):
    """The parts of an observation one after the other, in the suite's order."""
    return np.concatenate([np.ravel(part) for part in time_step.observation.values()])


def integrated_as_in_playground(env, domain):
    """The suite's task on its bodies, which move as in the Playground."""
    import mujoco
    from dm_control.rl import control

    timestep, substeps, iterations, line_search = PHYSICS[domain]
    implicit = domain == "finger"
    integrators = mujoco.mjtIntegrator
    option = env.physics.model.opt
    option.timestep, option.iterations = timestep, iterations
    option.ls_iterations = line_search + MORE_LINE_SEARCH
    option.integrator = integrators.mjINT_IMPLICITFAST if implicit else integrators.mjINT_EULER
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_EULERDAMP
    # The Playground observes and pays what was computed on the way to a state: positions of bodies
    # are those before the last physics step. The suite would compute them anew.
    return control.Environment(env.physics, env.task, n_sub_steps=substeps, legacy_step=False)


def make(name, random, physics="playground"):
    """The task `name` without a step limit, whose starts `random`, a RandomState, draws."""
    from absl import logging
    from dm_control import suite

    if name not in TASKS:
        raise PlayError(f"the suite has no task `{name}`; it has {', '.join(TASKS)}")
    # Every environment would warn again of the same words in the suite's models.
    logging.set_verbosity(logging.ERROR)
    domain, task = TASKS[name]
    env = suite.load(domain, task, {"time_limit": float("inf"), "random": random})
    return integrated_as_in_playground(env, domain) if physics == "playground" else env


def returns(player, args):
    """The returns of episodes in environments of their own."""
    starts = [np.random.RandomState([args.seed, index]) for index in range(args.episodes)]
    envs = [make(player.task, random, args.physics) for random in starts]
    obs = np.stack([flat(env.reset()) for env in envs])

    def step(control):
        steps = [env.step(row) for env, row in zip(envs, control)]
        return np.stack([flat(step) for step in steps]), np.array([step.reward for step in steps])

    return player.play(f"the suite's {player.task}", obs, step)


def add_arguments(parser):
    """The arguments that this player has besides those of the other one."""
    choices = ["playground", "suite"]
    says = "how bodies are integrated [default: playground, as in `fpo`]"
    parser.add_argument("--physics", choices=choices, default="playground", help=says)


if __name__ == "__main__":
    main(__doc__, returns, "requirements-play.txt", add_arguments)
