"""Our PPO's peer: Stable-Baselines3's PPO on envpool's DeepMind Control tasks, on one thread.

It learns from as many steps and is evaluated as `fpo train` does: 128 whole episodes at the mean of
the policy. The tasks are envpool's, with dm_control's models, rewards between 0 and 1 a step and
1000 steps an episode; ours are MuJoCo Playground's versions of them. Two settings:

    matched   the sizes, discount, clip and falling learning rate of configs/desk with
              methods/ppo.toml and a clip of 0.3, on its own networks (64 × 64, tanh)
    defaults  its own, on 8 environments

In both, observations and rewards are normalised as its authors advise for such tasks.

    python3 scripts/peers/ppo.py --task CheetahRun --settings matched --seed 1 [--steps 3000000]
"""
import argparse
import json
import sys
import time

import common

EPISODE = 1000  # control steps
EVALUATIONS = 10
EVAL_EPISODES = 128


def settings(name):
    """The number of environments, and what PPO is given."""
    if name == "defaults":
        return 8, {}
    rate = 1e-3
    return 128, {"n_steps": 120, "batch_size": 480, "n_epochs": 4, "gamma": 0.995,
                 "gae_lambda": 0.95, "clip_range": 0.3, "max_grad_norm": 1.0,
                 "learning_rate": lambda left: rate * (0.05 + 0.95 * left)}


def pool(task, num_envs, seed):
    """envpool's task as Stable-Baselines3 asks for it."""
    import envpool
    import gymnasium
    import numpy as np
    from stable_baselines3.common.vec_env import VecEnv

    class Pool(VecEnv):
        def __init__(self):
            self.env = envpool.make(f"{task}-v1", env_type="gymnasium", num_envs=num_envs,
                                    num_threads=1, seed=seed, max_episode_steps=EPISODE)
            size = self.reset().shape[1]
            space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
            low, high = self.env.action_space.low, self.env.action_space.high
            super().__init__(num_envs, space,
                             gymnasium.spaces.Box(low.astype(np.float32), high.astype(np.float32)))

        def flat(self, obs):
            """All fields of an observation side by side, in the order of their names."""
            parts = []
            for name in sorted(obs.keys() if hasattr(obs, "keys") else obs._fields):
                part = obs[name] if hasattr(obs, "keys") else getattr(obs, name)
                parts.append(np.asarray(part, np.float32).reshape(len(part), -1))
            return np.concatenate(parts, axis=1)

        def reset(self):
            return self.flat(self.env.reset()[0])

        def step_async(self, actions):
            self.actions = actions.astype(np.float64)

        def step_wait(self):
            obs, rewards, ended, cut, _ = self.env.step(self.actions)
            obs, over = self.flat(obs), ended | cut
            infos = [{} for _ in range(num_envs)]
            if over.any():
                rows = np.flatnonzero(over)
                for row in rows:
                    infos[row] = {"terminal_observation": obs[row].copy(),
                                  "TimeLimit.truncated": bool(cut[row] and not ended[row])}
                obs[rows] = self.flat(self.env.reset(rows)[0])
            return obs, rewards.astype(np.float32), over, infos

        def close(self):
            self.env.close()

        def get_attr(self, name, indices=None):
            return [None] * num_envs

        def set_attr(self, name, value, indices=None):
            raise NotImplementedError(name)

        def env_method(self, name, *args, indices=None, **kwargs):
            raise NotImplementedError(name)

        def env_is_wrapped(self, wrapper, indices=None):
            return [False] * num_envs

    return Pool()


def evaluate(args, model, normalizer, seed):
    """Returns of whole episodes at the mean of the policy."""
    import numpy as np

    env = pool(args.task, EVAL_EPISODES, seed)
    obs, total = env.reset(), np.zeros(EVAL_EPISODES)
    for _ in range(EPISODE):
        actions, _ = model.predict(normalizer.normalize_obs(obs), deterministic=True)
        env.step_async(actions)
        obs, rewards, _, _ = env.step_wait()
        total += rewards
    env.close()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--task", required=True, help="a name that envpool knows, as CheetahRun")
    parser.add_argument("--settings", choices=("matched", "defaults"), default="matched")
    parser.add_argument("--steps", type=int, default=3_000_000, help="environment steps [3000000]")
    parser.add_argument("--seed", type=int, default=1, help="[1]")
    parser.add_argument("--python", help="a Python that has the packages of requirements-ppo.txt; "
                        "without it, one is set up in third_party/peers-ppo")
    args = parser.parse_args()
    common.enter(args, "-ppo")
    train(args)


def train(args):
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecNormalize

    torch.set_num_threads(1)
    num_envs, given = settings(args.settings)
    gamma = given.get("gamma", 0.99)
    env = VecNormalize(pool(args.task, num_envs, args.seed), gamma=gamma)
    model = PPO("MlpPolicy", env, seed=args.seed, device="cpu", **given)
    row = {"task": args.task, "method": f"Stable-Baselines3 PPO, {args.settings}",
           "seed": args.seed, "evaluations": []}
    start = time.monotonic()

    def look():
        returns = evaluate(args, model, env, 1_000_000 + args.seed)
        entry = {"step": model.num_timesteps, "seconds": round(time.monotonic() - start, 1),
                 "mean": round(float(returns.mean()), 2),
                 "stderr": round(float(returns.std(ddof=1) / len(returns) ** 0.5), 2)}
        row["evaluations"].append(entry)
        print(entry, file=sys.stderr)

    class Evaluations(BaseCallback):
        def _on_step(self):
            return True

        def _on_rollout_start(self):
            # Every rollout is followed by an update, so this sees whole iterations only.
            done = len(row["evaluations"])
            if self.num_timesteps >= done * args.steps / EVALUATIONS and done < EVALUATIONS:
                look()

    model.learn(args.steps, callback=Evaluations())
    look()
    row["env_steps"], row["last"] = model.num_timesteps, row["evaluations"][-1]["mean"]
    row["seconds"] = round(time.monotonic() - start, 1)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
