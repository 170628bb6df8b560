"""Golden numbers of MuJoCo tasks, from packages on PyPI alone.

Two parts, because they need different versions of MuJoCo:

  tasks   runs MuJoCo Playground's own code in float64. Writes, under --out, a contact-free
          trajectory of 25 control steps per domain (envs_x64/), observation and reward at 32
          states per task (reward_states/), and prints each task's sizes and time steps (to be
          merged into facts.json).
          pip install jax==0.7.0 mujoco==3.3.5 mujoco-mjx==3.3.5 playground==0.0.5 safetensors
          On import the Playground clones robot models that these tasks do not need; an empty
          folder mujoco_playground/external_deps/mujoco_menagerie prevents that.
  model   compiles the six-link swimmer, which the Playground builds by code, and writes the
          physical numbers of the compiled model (models/swimmer6.json).
          pip install mujoco==3.17.0 && pip install --no-deps playground==0.0.5

Usage: python scripts/make_env_golden.py tasks|model --out tests/golden
"""

import argparse
import importlib.util
import json
import os
import pathlib
import xml.etree.ElementTree as ElementTree

os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import mujoco
import numpy as np

# The first task of a domain gives its trajectory.
DOMAINS = {
    "swimmer": ["SwimmerSwimmer6"],
    "hopper": ["HopperHop", "HopperStand"],
    "walker": ["WalkerWalk", "WalkerRun", "WalkerStand"],
    "humanoid": ["HumanoidWalk", "HumanoidRun", "HumanoidStand"],
    "acrobot": ["AcrobotSwingup", "AcrobotSwingupSparse"],
    "cartpole": ["CartpoleSwingup", "CartpoleSwingupSparse", "CartpoleBalanceSparse"],
    "pendulum": ["PendulumSwingup"],
    "reacher": ["ReacherHard"],
}
# Index in qpos of the height of bodies that can fall to the floor.
HEIGHT = {"hopper": 1, "walker": 0, "humanoid": 2}
# Geom that is to reach a target, and how far from it at most, in metres, targets are put.
POINTER = {"swimmer": ("nose", 0.5), "reacher": ("finger", 0.04)}
STEPS = 25
STATES = 32
# Height in metres from which nothing reaches the floor within the trajectory. Contacts are
# left out of trajectories: MJX keeps a few of them only, and those between near-parallel capsules
# are not the same in every version of MuJoCo.
DROP_HEIGHT = 4.0
# Largest control of a trajectory: full strength makes limbs collide.
AMPLITUDE = {"humanoid": 0.4}
SWIMMER_LINKS = 6


def pose(domain, model, rng, share):
    """A pose with joints within `share` of their ranges; the root as the task's reward likes it."""
    qpos = model.qpos0.copy()
    for joint in range(model.njnt):
        if model.jnt_limited[joint]:
            low, high = model.jnt_range[joint]
            at = model.jnt_qposadr[joint]
            nearest = min(max(0.0, low), high)
            qpos[at] = nearest + share * (rng.uniform(low, high) - nearest)
    if domain == "humanoid":
        quat = np.array([1.0, *rng.normal(0.0, 0.3 * share, 3)])
        qpos[3:7] = quat / np.linalg.norm(quat)
    elif domain == "swimmer":
        qpos[2] = rng.uniform(-np.pi, np.pi)
    elif domain in HEIGHT:
        qpos[2] = rng.normal(0.0, share)
    else:
        free = ~model.jnt_limited.astype(bool)
        qpos[free] = rng.normal(0.0, share, free.sum())
    return qpos


def forward_speed(domain, qvel, rng):
    """Adds a speed along x that spans what the rewards of the domain ask for."""
    index = {"hopper": 0, "walker": 1, "humanoid": 0}.get(domain)
    if index is not None:
        qvel[index] += rng.uniform(-1.0, {"hopper": 3.0, "walker": 9.0, "humanoid": 11.0}[domain])


def target_near(domain, model, rng, qpos):
    """Mocap positions with the target, if there is one, within reach of its reward."""
    if domain not in POINTER:
        return np.zeros((0, 3))
    geom, reach = POINTER[domain]
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    pointer = data.geom(geom).xpos
    return np.array([[*(pointer[:2] + rng.uniform(-reach, reach, 2)), data.mocap_pos[0, 2]]])


def landed(model, rng, qpos):
    """Where the body has got to some time after it was let go: often with feet on the floor."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    for _ in range(rng.integers(40, 140)):
        data.ctrl[:] = rng.uniform(-0.3, 0.3, model.nu)
        mujoco.mj_step(model, data)
    return data.qpos.copy(), data.qvel.copy()


def states(domain, model, rng):
    """The states at which observation and reward are stored; every third came to land."""
    for index in range(STATES):
        share = [0.15, 0.3, 1.0][index // 2 % 3]
        qpos = pose(domain, model, rng, share)
        qvel = rng.normal(0.0, 0.5, model.nv)
        forward_speed(domain, qvel, rng)
        if domain in HEIGHT and index % 3 == 2:
            qpos, qvel = landed(model, rng, qpos)
        ctrl = rng.uniform(-1.0, 1.0, model.nu)
        yield qpos, qvel, ctrl, target_near(domain, model, rng, qpos)


def save(path, tensors):
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path)
    print("wrote", path)


def touches(env, qpos, qvel, actions):
    """Whether anything comes into contact on the way, as C MuJoCo sees it."""
    data = mujoco.MjData(env.mj_model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    for action in actions:
        data.ctrl[:] = action
        for _ in range(env.n_substeps):
            mujoco.mj_step(env.mj_model, data)
            if data.ncon:
                return True
    return False


def start(domain, env, rng):
    """A start above the floor and actions under which nothing touches."""
    model = env.mj_model
    while True:
        qpos = pose(domain, model, rng, 0.5)
        if domain in HEIGHT:
            qpos[HEIGHT[domain]] += DROP_HEIGHT
        qvel = rng.normal(0.0, 0.3, model.nv)
        mocap = target_near(domain, model, rng, qpos)
        size = AMPLITUDE.get(domain, 1.0)
        actions = rng.uniform(-size, size, (STEPS, env.action_size)).astype(np.float32)
        if not touches(env, qpos, qvel, actions):
            return qpos, qvel, mocap, actions


def trajectory(domain, env, rng):
    """Open-loop steps of the Playground's environment, from a start of our choice."""
    import jax
    from mujoco_playground._src import mjx_env

    qpos, qvel, mocap, actions = start(domain, env, rng)
    state = jax.jit(env.reset)(jax.random.PRNGKey(0))
    data = jax.jit(lambda qpos, qvel: mjx_env.init(env.mjx_model, qpos=qpos, qvel=qvel))(qpos, qvel)
    if mocap.size:
        data = data.replace(mocap_pos=jax.numpy.asarray(mocap))
    state = state.replace(data=data)
    out = {
        "qpos0": data.qpos,
        "qvel0": data.qvel,
        "qacc_warmstart0": data.qacc_warmstart,
        "mocap_pos0": data.mocap_pos,
        "mocap_quat0": data.mocap_quat,
    }
    steps = {"ctrl": [], "qpos": [], "qvel": [], "obs": [], "reward": []}
    step = jax.jit(env.step)
    for action in actions:
        state = step(state, action.astype(np.float64))
        for name in ("ctrl", "qpos", "qvel"):
            steps[name].append(np.asarray(getattr(state.data, name)))
        steps["obs"].append(np.asarray(state.obs))
        steps["reward"].append(np.asarray(state.reward))
    out.update({name: np.stack(values) for name, values in steps.items()})
    return {f"seed0/{name}": np.asarray(value) for name, value in out.items()}


def reward_states(domain, env, envs, rng):
    """Observation and reward of all tasks of a domain after a fresh forward pass."""
    import jax
    from mujoco import mjx

    def forward(qpos, qvel, ctrl, mocap):
        data = mjx.make_data(env.mjx_model).replace(qpos=qpos, qvel=qvel, ctrl=ctrl)
        if mocap.size:
            data = data.replace(mocap_pos=mocap)
        return mjx.forward(env.mjx_model, data)

    forward = jax.jit(forward)
    inputs = list(states(domain, env.mj_model, rng))
    names = ("qpos", "qvel", "ctrl", "mocap_pos")
    stored = {name: np.stack(values) for name, values in zip(names, zip(*inputs))}
    if not stored["mocap_pos"].size:
        del stored["mocap_pos"]
    seen = [forward(*state) for state in inputs]
    for name, task in envs.items():
        obs, reward = [], []
        for data, (_, _, ctrl, _) in zip(seen, inputs):
            obs.append(np.asarray(task._get_obs(data, {})))
            reward.append(np.asarray(task._get_reward(data, ctrl, {}, {})))
        yield name, {**stored, "obs": np.stack(obs), "reward": np.stack(reward)}


def facts(env, config):
    """What the tests compare of a task's sizes and times."""
    options = env.mj_model.opt
    return {
        "obs_dim": int(env.observation_size),
        "action_dim": int(env.action_size),
        "sim_dt_config": config.sim_dt,
        "ctrl_dt": config.ctrl_dt,
        "n_substeps": env.n_substeps,
        "episode_length": config.episode_length,
        "opt": {"iterations": options.iterations, "ls_iterations": options.ls_iterations},
    }


def make_tasks(out, only):
    from mujoco_playground import dm_control_suite

    for seed, (domain, names) in enumerate(DOMAINS.items()):
        if only and domain not in only:
            continue
        envs = {name: dm_control_suite.load(name) for name in names}
        first = envs[names[0]]
        rng = np.random.default_rng(seed)
        for name, tensors in reward_states(domain, first, envs, rng):
            save(out / "envs" / "reward_states" / f"{name}.safetensors", tensors)
        path = out / "envs" / "envs_x64" / f"{names[0]}.safetensors"
        save(path, trajectory(domain, first, rng))
        for name, env in envs.items():
            config = dm_control_suite.get_default_config(name)
            print(json.dumps({name: facts(env, config)}), flush=True)


def swimmer_xml(source):
    """The Playground's swimmer with its links, as its code adds them to its file."""
    root = ElementTree.fromstring(source)
    parent = root.find("./worldbody/body")
    actuators = ElementTree.SubElement(root, "actuator")
    sensors = ElementTree.SubElement(root, "sensor")
    limit = 360.0 / SWIMMER_LINKS
    for i in range(SWIMMER_LINKS - 1):
        parent = ElementTree.SubElement(parent, "body", name=f"segment_{i}", pos="0 .1 0")
        for kind in ("visual", "inertial"):
            ElementTree.SubElement(parent, "geom", {"class": kind, "name": f"{kind}_{i}"})
        ElementTree.SubElement(parent, "site", name=f"site_{i}")
        ElementTree.SubElement(parent, "joint", name=f"joint_{i}", range=f"{-limit} {limit}")
        ElementTree.SubElement(actuators, "motor", name=f"motor_{i}", joint=f"joint_{i}")
        for kind in ("velocimeter", "gyro"):
            ElementTree.SubElement(sensors, kind, name=f"{kind}_{i}", site=f"site_{i}")
    return ElementTree.tostring(root, encoding="unicode")


def make_model(out, fields_of):
    """Writes the swimmer's compiled numbers: the fields that the file `fields_of` has."""
    package = importlib.util.find_spec("mujoco_playground").submodule_search_locations[0]
    suite = pathlib.Path(package) / "_src" / "dm_control_suite" / "xmls"
    assets = {f.name: f.read_bytes() for f in (suite / "common").iterdir() if f.is_file()}
    xml = swimmer_xml((suite / "swimmer.xml").read_text())
    model = mujoco.MjModel.from_xml_string(xml, assets)
    template = json.loads((out / "models" / fields_of).read_text())

    def field(owner, name):
        value = np.asarray(getattr(owner, name))
        return (value.astype(bool) if "limited" in name else value).tolist()

    fields = {name: field(model, name) for name in template if name not in ("opt", "names")}
    options = {name: field(model.opt, name) for name in template["opt"]}
    path = out / "models" / "swimmer6.json"
    path.write_text(json.dumps({"opt": options, **fields}))
    print("wrote", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=["tasks", "model"])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/golden"))
    parser.add_argument("--only", nargs="*", choices=list(DOMAINS), help="domains; all if absent")
    parser.add_argument("--fields-of", default="cheetah.json", help="a file of models/ to imitate")
    arguments = parser.parse_args()
    if arguments.part == "tasks":
        make_tasks(arguments.out, arguments.only)
    else:
        make_model(arguments.out, arguments.fields_of)


if __name__ == "__main__":
    main()
