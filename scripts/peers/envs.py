"""Environment steps against MuJoCo's own `rollout` and against envpool, taking turns in one run.

Counted are physics steps per second, since control steps are not of one length:

    fpo      `fpo bench envs`: physics, observation, reward, end of episode
    closed   mujoco.rollout, one call per control step, since a policy acts in between: physics only
    open     mujoco.rollout, one call for many control steps: physics only, no policy can act
    envpool  its DeepMind Control Suite, all environments in step: as fpo

The first three simulate the same models (crates/fpo-envs/models, MuJoCo 3.17.0, same options).
envpool has dm_control's models with their own solver settings and its own MuJoCo. All start from
scattered positions and warm up for the same number of control steps; actions are uniform and new
for every control step. Nobody draws new starts while measured (fpo: --auto-reset first).

    python3 scripts/peers/envs.py [--tasks CheetahRun,…] [--envs 256] [--threads 2] [--rounds 7]
"""
import contextlib
import os
import statistics
import sys
import tempfile
import time

import common

MODELS = {"CartpoleBalance": "cartpole", "CheetahRun": "cheetah", "FingerSpin": "finger",
          "FishSwim": "fish", "HumanoidWalk": "humanoid"}
SECONDS = 0.3  # of one turn
OPEN_STEPS = 20  # control steps of one open-loop call


class Contender:
    """`step` advances by `steps_per_call` physics steps under the given actions."""

    def warm_up(self, calls):
        for _ in range(calls):
            self.step(self.actions())

    def rate(self):
        """Physics steps per second over SECONDS at least; making actions is not timed."""
        calls, taken = 0, 0.0
        while taken < SECONDS:
            actions = self.actions()
            start = time.perf_counter()
            self.step(actions)
            taken += time.perf_counter() - start
            calls += 1
        return calls * self.steps_per_call / taken


class Rollout(Contender):
    """mujoco.rollout on our model, with outputs allocated once and checks left out."""

    def __init__(self, task, control_dt, envs, threads, control_steps, warmup):
        import mujoco
        import mujoco.rollout
        import numpy as np

        path = common.ROOT / "crates/fpo-envs/models" / f"{MODELS[task]}.xml"
        model = mujoco.MjModel.from_xml_path(str(path))
        model.opt.ls_iterations += 2  # as the engine does
        self.substeps = round(control_dt / model.opt.timestep)
        self.models = [model] * envs
        self.shape = (envs, control_steps, model.nu)
        self.steps_per_call = envs * control_steps * self.substeps
        self.rng = np.random.default_rng(0)
        self.data = [mujoco.MjData(model) for _ in range(threads)]
        self.pool = mujoco.rollout.Rollout(nthread=threads if threads > 1 else 0)
        full = mujoco.mjtState.mjSTATE_FULLPHYSICS
        length = mujoco.mj_stateSize(model, full)
        self.state = np.empty((envs, length))
        for row in self.state:
            data = self.data[0]
            mujoco.mj_resetData(model, data)
            noise = self.rng.uniform(-0.1, 0.1, model.nv)
            mujoco.mj_integratePos(model, data.qpos, noise, 1.0)
            mujoco.mj_getState(model, data, row, full)
        steps = self.substeps * control_steps
        self.states = np.empty((envs, steps, length))
        self.sensors = np.empty((envs, steps, model.nsensordata))
        self.warm_up(-(-warmup // control_steps))
        if not np.isfinite(self.state).all():
            raise SystemExit(f"{task}: mujoco.rollout left the finite numbers")

    def actions(self):
        return self.rng.uniform(-1.0, 1.0, self.shape).repeat(self.substeps, axis=1)

    def step(self, actions):
        self.pool.rollout(self.models, self.data, self.state, actions, skip_checks=True,
                          nstep=actions.shape[1], state=self.states, sensordata=self.sensors)
        self.state[:] = self.states[:, -1]


class Envpool(Contender):
    """envpool's task of the same name, synchronous."""

    def __init__(self, task, control_dt, envs, threads, warmup):
        import envpool
        import numpy as np

        self.env = envpool.make(f"{task}-v1", env_type="gymnasium", num_envs=envs,
                                num_threads=threads, seed=0)
        self.substeps = self.env.spec.config.frame_skip
        self.shape = (envs, *self.env.action_space.shape)
        self.rng = np.random.default_rng(0)
        self.steps_per_call = envs * self.substeps
        self.env.reset()
        self.warm_up(warmup)

    def actions(self):
        return self.rng.uniform(-1.0, 1.0, self.shape)

    def step(self, actions):
        self.env.step(actions)


def measure(args, task, envs, threads):
    spec = common.fpo(args, "envs", task, "--json")
    dt, warmup = spec["control_dt"], args.warmup
    closed = Rollout(task, dt, envs, threads, 1, warmup)
    open_loop = Rollout(task, dt, envs, threads, OPEN_STEPS, warmup)
    envpool = Envpool(task, dt, envs, threads, warmup)
    machine = {}

    def ours():
        words = ["--tasks", task, "--envs", envs, "--threads", threads, "--warmup", warmup]
        file = common.fpo(args, "bench", "envs", *words, "--auto-reset", "first", "--repeats", 1,
                          "--json", "-")
        machine.update(file["machine"])
        return file["results"][0]["steps_per_s"] * closed.substeps

    contenders = {"fpo": ours, "closed": closed.rate, "open": open_loop.rate,
                  "envpool": envpool.rate}
    results = common.alternate(args.rounds, contenders)
    medians = common.medians(results)
    ratios = {name: medians["fpo"] / medians[name] for name in contenders if name != "fpo"}
    return machine, {"task": task, "envs": envs, "threads": threads, "substeps": closed.substeps,
                     "envpool_substeps": envpool.substeps, "physics_steps_per_s": results,
                     "median": medians, "fpo_over": ratios}


def main():
    parser = common.arguments(__doc__.split("\n\n")[0])
    parser.add_argument("--tasks", default=",".join(MODELS), help="[all five]")
    parser.add_argument("--envs", default="256", help="numbers of environments [256]")
    parser.add_argument("--threads", default=str(len(os.sched_getaffinity(0))), help="[all]")
    parser.add_argument("--warmup", type=int, default=200, help="control steps [200]")
    args = parser.parse_args()
    for task in args.tasks.split(","):
        if task not in MODELS:
            parser.error(f"no peer for task {task}; there is one for {', '.join(MODELS)}")
    common.enter(args)
    if args.json:
        args.json = args.json.resolve()
    # MuJoCo writes its warnings into the working directory.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        compare(args)


def compare(args):
    results, machine = [], {}
    head = ["physics steps/s", "envs", "threads", "fpo", "±", "closed", "open", "envpool",
            "fpo/closed", "fpo/open", "fpo/envpool"]
    rows = [head]
    for task in args.tasks.split(","):
        for envs in map(int, args.envs.split(",")):
            for threads in map(int, args.threads.split(",")):
                print(f"{task}, {envs} environments, {threads} threads", file=sys.stderr)
                machine, result = measure(args, task, envs, threads)
                results.append(result)
                median, over = result["median"], result["fpo_over"]
                rates = [f"{median[name]:,.0f}" for name in ("closed", "open", "envpool")]
                ratios = [f"{over[name]:.2f}" for name in ("closed", "open", "envpool")]
                part = common.spread(result["physics_steps_per_s"]["fpo"])
                rows.append([task, str(envs), str(threads), f"{median['fpo']:,.0f}",
                             f"{100 * part:.1f} %", *rates, *ratios])
    over = {name: statistics.median(result["fpo_over"][name] for result in results)
            for name in ("closed", "open", "envpool")}
    rows.append(["median over tasks", *[""] * 7, *[f"{ratio:.2f}" for ratio in over.values()]])
    common.table(rows)
    common.save(args, {"machine": machine, "results": results, "median_fpo_over": over})


if __name__ == "__main__":
    main()
