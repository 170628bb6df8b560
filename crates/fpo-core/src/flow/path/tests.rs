//! The formulas of all paths against their definitions.

use super::*;

const QUANTITIES: [Quantity; 3] = [Quantity::Velocity, Quantity::Noise, Quantity::Data];
const PATHS: [Path; 2] = [Path::Linear, Path::Cosine];
/// An action and a noise, and times at which no divisor is raised.
const PAIR: (f64, f64) = (0.7, -1.3);
const TIMES: [f64; 4] = [0.05, 0.3, 0.5, 0.94];

fn parametrizations() -> impl Iterator<Item = Parametrization> {
    PATHS.into_iter().flat_map(|path| {
        QUANTITIES.into_iter().flat_map(move |prediction| {
            QUANTITIES.map(|measure| Parametrization { path, prediction, measure }).into_iter()
        })
    })
}

/// `a`, `ε` and `v` at `t`, by their definitions.
fn truth(path: Path, t: f64, of: Quantity) -> f64 {
    let h = 1e-6;
    let x = |t: f64| path.shares(t).0 * PAIR.0 + path.shares(t).1 * PAIR.1;
    match of {
        Quantity::Data => PAIR.0,
        Quantity::Noise => PAIR.1,
        Quantity::Velocity => (x(t + h) - x(t - h)) / (2.0 * h),
    }
}

#[test]
fn targets_are_what_is_to_be_predicted_and_steps_stay_on_the_path() {
    for form in parametrizations() {
        for t in TIMES {
            let RegressionTerms { alpha, sigma, action_share, noise_share, .. } =
                form.regression(t);
            let target = action_share * PAIR.0 + noise_share * PAIR.1;
            let expected = truth(form.path, t, form.prediction);
            assert!((target - expected).abs() < 1e-8, "{form:?} at {t}: {target}");

            let x = alpha * PAIR.0 + sigma * PAIR.1;
            let (k, g) = form.velocity(t);
            let velocity = truth(form.path, t, Quantity::Velocity);
            assert!((k * x + g * target - velocity).abs() < 1e-8, "{form:?} at {t}");

            // With the right prediction one step of any length lands on the path.
            for end in [0.0, t / 3.0] {
                let (k, g) = form.step(t, end);
                let (alpha, sigma) = form.path.shares(end);
                let expected = alpha * PAIR.0 + sigma * PAIR.1;
                assert!((k * x + g * target - expected).abs() < 1e-8, "{form:?} at {t}");
            }
        }
    }
}

/// Where a divisor is raised there is no right prediction, but `velocity`, `step` and `weight`
/// speak of the same action and noise.
#[test]
fn a_raised_divisor_means_the_same_everywhere() {
    let (x, predicted) = (0.9, 0.4);
    for form in parametrizations() {
        for t in [0.0, 0.02, 0.98, 1.0] {
            let ((alpha, sigma), rates) = (form.path.shares(t), form.path.rates(t));
            let seen = |predicted: f64| match form.prediction {
                Quantity::Noise => ((x - sigma * predicted) / alpha.max(FLOOR), predicted),
                _ => (predicted, (x - alpha * predicted) / sigma.max(FLOOR)),
            };
            if form.prediction == Quantity::Velocity {
                continue;
            }
            let (action, noise) = seen(predicted);
            let (k, g) = form.velocity(t);
            let velocity = rates.0 * action + rates.1 * noise;
            assert!((k * x + g * predicted - velocity).abs() < 1e-12, "{form:?} at {t}");
            let end = t / 3.0;
            let (k, g) = form.step(t, end);
            let (alpha_end, sigma_end) = form.path.shares(end);
            let expected = alpha_end * action + sigma_end * noise;
            assert!((k * x + g * predicted - expected).abs() < 1e-12, "{form:?} at {t}");
            let (other_action, other_noise) = seen(predicted + 0.25);
            let error = match form.measure {
                Quantity::Data => other_action - action,
                Quantity::Noise => other_noise - noise,
                Quantity::Velocity => {
                    rates.0 * (other_action - action) + rates.1 * (other_noise - noise)
                }
            };
            assert!((error - 0.25 * form.weight(t)).abs() < 1e-12, "{form:?} at {t}");
        }
    }
}

/// A wrong prediction, turned into the measured quantity by the formulas of the path.
#[test]
fn the_weight_turns_an_error_of_the_prediction_into_the_measured_error() {
    for form in parametrizations() {
        for t in TIMES {
            let (alpha, sigma) = form.path.shares(t);
            let (alpha_rate, sigma_rate) = form.path.rates(t);
            let x = alpha * PAIR.0 + sigma * PAIR.1;
            let wrong = truth(form.path, t, form.prediction) + 0.25;
            let action = match form.prediction {
                Quantity::Data => wrong,
                Quantity::Noise => (x - sigma * wrong) / alpha,
                Quantity::Velocity => (sigma_rate * x - sigma * wrong) / form.path.determinant(),
            };
            let noise = (x - alpha * action) / sigma;
            let measured = match form.measure {
                Quantity::Data => action,
                Quantity::Noise => noise,
                Quantity::Velocity => alpha_rate * action + sigma_rate * noise,
            };
            let error = measured - truth(form.path, t, form.measure);
            let expected = 0.25 * form.weight(t);
            assert!((error - expected).abs() < 1e-7, "{form:?} at {t}: {error} {expected}");
        }
    }
}

#[test]
fn losses_in_nats_have_the_factors_of_a_shifted_source() {
    let pi = std::f64::consts::PI;
    for (path, measure, factor) in [
        (Path::Linear, Quantity::Velocity, 0.5),
        (Path::Linear, Quantity::Noise, 1.5),
        (Path::Linear, Quantity::Data, 1.5),
        // The mean of (π/2·sin(πt/2))² is π²/8.
        (Path::Cosine, Quantity::Velocity, 4.0 / pi.powi(2)),
    ] {
        for prediction in [Quantity::Velocity, Quantity::Noise, Quantity::Data] {
            let found = Parametrization { path, prediction, measure }.nats();
            assert!((found / factor - 1.0).abs() < 2e-4, "{path:?} {measure:?}: {found}");
        }
    }
}
