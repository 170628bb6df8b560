"""The yardstick: one FPO gradient step and one sampling call in JAX on this machine's CPU.

Written for speed (jit, one fused program), so it is a harder peer than the official code. Sizes are
those of the official CheetahRun run: obs 17, action 6, time embedding 8, policy 4×32, value 5×256,
SiLU, 8 samples per transition, Adam. It is given its advantages and value targets; gathering the
minibatch, normalising observations and estimating advantages, which `fpo bench learner` includes,
it need not do.

    python3 scripts/peers/jax_yardstick.py [--transitions 3840] [--envs 2048] [--repeats 15]

Prints one JSON object per line: what, ms_median, ms_min, gflops (at the median), first_call_s
(compilation included).
"""
import argparse
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

OBS, ACT, EMBEDDING, SAMPLES = 17, 6, 8, 8
CLIP, OUTPUT_SCALE, VALUE_COEFFICIENT, EULER_STEPS = 0.05, 0.25, 0.25, 10
POLICY = (OBS + ACT + EMBEDDING, 32, 32, 32, 32, ACT)
VALUE = (OBS, 256, 256, 256, 256, 256, 1)
ADAM = optax.adam(3e-4)


def init(rng, widths):
    """Weights, lecun-uniform, and biases, zero, of a perceptron."""
    layers = []
    for inputs, outputs in zip(widths[:-1], widths[1:]):
        limit = np.sqrt(3.0 / inputs)
        weight = jnp.array(rng.uniform(-limit, limit, (inputs, outputs)), jnp.float32)
        layers.append((weight, jnp.zeros(outputs, jnp.float32)))
    return layers


def perceptron(layers, x):
    for weight, bias in layers[:-1]:
        x = jax.nn.silu(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def embed(t):
    angles = t * (2.0 ** jnp.arange(EMBEDDING // 2))
    return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], -1)


def cfm_loss(policy, batch):
    """ε-MSE per transition, a mean over samples and action dimensions."""
    eps, t, action = batch["eps"], batch["t"], batch["action"][:, None]
    x_t = t * eps + (1 - t) * action
    obs = jnp.broadcast_to(batch["obs"][:, None], (*x_t.shape[:2], OBS))
    inputs = jnp.concatenate([obs, x_t, embed(t)], -1)
    velocity = OUTPUT_SCALE * perceptron(policy, inputs)
    predicted = x_t + (1 - t) * velocity
    return jnp.mean((eps - predicted) ** 2, axis=(-1, -2))


def loss(params, batch):
    policy, value = params
    ratio = jnp.exp(batch["old_loss"] - cfm_loss(policy, batch))
    clipped = jnp.clip(ratio, 1 - CLIP, 1 + CLIP)
    advantage = batch["advantage"]
    surrogate = jnp.minimum(ratio * advantage, clipped * advantage)
    error = batch["target"] - perceptron(value, batch["obs"])[:, 0]
    return VALUE_COEFFICIENT * jnp.mean(error**2) - jnp.mean(surrogate)


@jax.jit
def gradient_step(params, state, batch):
    value, gradients = jax.value_and_grad(loss)(params, batch)
    updates, state = ADAM.update(gradients, state)
    return optax.apply_updates(params, updates), state, value


@jax.jit
def sample(policy, obs, noise):
    times = jnp.linspace(1.0, 0.0, EULER_STEPS + 1)

    def euler(x, pair):
        time, after = pair
        embedding = jnp.broadcast_to(embed(time[None]), (obs.shape[0], EMBEDDING))
        inputs = jnp.concatenate([obs, x, embedding], -1)
        return x + (after - time) * OUTPUT_SCALE * perceptron(policy, inputs), None

    return jax.lax.scan(euler, noise, (times[:-1], times[1:]))[0]


def timed(what, flop, repeats, call):
    def once():
        start = time.perf_counter()
        jax.block_until_ready(call())
        return time.perf_counter() - start

    first = once()
    # As long a warm-up as ours: the system spreads the threads over the cores meanwhile.
    begin = time.perf_counter()
    while time.perf_counter() - begin < 0.3:
        once()
    times = [once() for _ in range(repeats)]
    median = float(np.median(times))
    line = {"what": what, "ms_median": median * 1e3, "ms_min": min(times) * 1e3,
            "gflops": flop / median / 1e9, "first_call_s": first}
    print(json.dumps(line), flush=True)


def macs(widths):
    return sum(a * b for a, b in zip(widths[:-1], widths[1:]))


def trained(widths):
    """Multiply-adds of forward and backward, without the gradient of the input."""
    return 3 * macs(widths) - widths[0] * widths[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--transitions", type=int, default=3840)
    parser.add_argument("--envs", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    params = (init(rng, POLICY), init(rng, VALUE))
    n = args.transitions

    def normal(*shape):
        return jnp.array(rng.normal(size=shape), jnp.float32)

    batch = {"obs": normal(n, OBS), "action": normal(n, ACT), "eps": normal(n, SAMPLES, ACT),
             "t": jnp.array(rng.integers(1, 11, (n, SAMPLES, 1)) / 10.0, jnp.float32),
             "advantage": normal(n), "target": normal(n)}
    batch["old_loss"] = cfm_loss(params[0], batch) + 0.02 * normal(n)
    flop = 2 * n * (SAMPLES * trained(POLICY) + trained(VALUE))
    state = ADAM.init(params)
    timed("gradient_step", flop, args.repeats, lambda: gradient_step(params, state, batch))

    obs, noise = normal(args.envs, OBS), normal(args.envs, ACT)
    flop = 2 * EULER_STEPS * args.envs * macs(POLICY)
    timed("sample", flop, args.repeats, lambda: sample(params[0], obs, noise))


if __name__ == "__main__":
    main()
