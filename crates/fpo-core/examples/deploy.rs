//! Plays a policy file: a control on standard output for each observation on standard input, one a
//! line. Acting allocates no memory.
//!
//! `echo 0.5 -0.5 | cargo run --release -p fpo-core --example deploy policy.safetensors`

use std::error::Error;
use std::io::{Write, stdin, stdout};

use candle_core::Device;
use fpo_core::sampler::Start;
use fpo_core::{Noise, PolicyFile, Purpose};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: deploy POLICY.safetensors")?;
    let file = PolicyFile::from_bytes(&std::fs::read(path)?, &Device::Cpu)?;
    let mut actor = file.single_actor()?;
    let mut obs = vec![0.0f32; actor.obs_dim()];
    let mut noise = vec![0.0f32; actor.action_dim()];
    let mut control = vec![0.0f32; actor.action_dim()];
    let (draws, mut line, mut step) = (Noise::new(0), String::new(), 0);
    while stdin().read_line(&mut line)? > 0 {
        if line.split_whitespace().count() != obs.len() {
            return Err(format!("observation {step} needs {} numbers", obs.len()).into());
        }
        for (x, word) in obs.iter_mut().zip(line.split_whitespace()) {
            *x = word.parse()?;
        }
        if file.info.start == Start::Noise {
            draws.fill_normal(Purpose::EvalAction, step, &mut noise);
        }
        actor.act_into(&obs, &noise, &mut control)?;
        for x in &control {
            write!(stdout(), "{x} ")?;
        }
        writeln!(stdout())?;
        line.clear();
        step += 1;
    }
    Ok(())
}
