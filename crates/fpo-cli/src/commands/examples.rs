//! The examples at the end of each command's help. A test parses every one of them, so that none
//! falls behind.

/// Of `fpo` itself.
pub(crate) const FPO: &str = "\
Examples:
  fpo train GridWorld/two_walls     # a first policy, in seconds
  fpo list                          # what has been trained
  fpo eval runs/two_walls-seed0     # how well it plays";

/// Of `fpo init`.
pub(crate) const INIT: &str = "\
Examples:
  fpo init CheetahRun                       # writes cheetah_run.toml
  fpo init CheetahRun --method ppo -o my.toml
  fpo init two_walls -o -                   # to standard output";

/// Of `fpo train`.
pub(crate) const TRAIN: &str = "\
Examples:
  fpo train CheetahRun                      # FPO, with the sizes that come with the program
  fpo train CheetahRun ppo --seed 3 --set train.total_steps=1000000
  fpo train configs/desk/cheetah_run.toml configs/desk/methods/dppo.toml
  fpo train --resume runs/CheetahRun-seed0  # after Ctrl-C or a crash";

/// Of `fpo sweep`.
pub(crate) const SWEEP: &str = "\
Examples:
  fpo sweep configs/sweeps/first_look.toml --dry-run
  fpo sweep configs/sweeps/first_look.toml --jobs 4";

/// Of `fpo eval`.
pub(crate) const EVAL: &str = "\
Examples:
  fpo eval runs/CheetahRun-seed0 --best
  fpo eval runs/CheetahRun-seed0 runs/CheetahRun-ppo-seed0  # the same episodes for both
  fpo eval policy.safetensors --episodes 1000 --json";

/// Of `fpo export`.
pub(crate) const EXPORT: &str = "\
Examples:
  fpo export runs/CheetahRun-seed0 -o policy.safetensors
  fpo export runs/CheetahRun-seed0 -o policy.onnx
  fpo export runs/CheetahRun-seed0 -o cheetah --onnx --license mit    # a folder to share";

/// Of `fpo list`.
pub(crate) const LIST: &str = "\
Examples:
  fpo list                                  # the runs in runs/, sweeps included
  fpo list runs/first_look --sort best
  fpo list --json";

/// Of `fpo verify`.
pub(crate) const VERIFY: &str = "\
Examples:
  fpo verify runs/CheetahRun-seed0
  fpo verify runs/CheetahRun-seed0 --replay 3  # and make three iterations again";

/// Of `fpo report`.
pub(crate) const REPORT: &str = "\
Examples:
  fpo report runs/first_look -o first_look.html
  fpo report runs/CheetahRun-seed0 runs/CheetahRun-ppo-seed0";

/// Of `fpo figure`.
pub(crate) const FIGURE: &str = "\
Examples:
  fpo figure gridworld runs/two_walls-seed0 -o figure.svg
  fpo figure gridworld runs/two_walls-seed0 runs/two_walls-ppo-seed0 -o figure.png";

/// Of `fpo envs`.
pub(crate) const ENVS: &str = "\
Examples:
  fpo envs                                  # all tasks of this build
  fpo envs CheetahRun
  fpo envs CheetahRun --rollout random --episodes 10";

/// Of `fpo bench`.
pub(crate) const BENCH: &str = "\
Examples:
  fpo bench --quick
  fpo bench learner --sizes desk --threads 1,2
  fpo bench ranks --json ranks.json
  fpo bench --compare before.json after.json";

/// Of `fpo doctor`.
pub(crate) const DOCTOR: &str = "\
Examples:
  fpo doctor
  fpo doctor --caches --json";

/// Of `fpo config`.
pub(crate) const CONFIG: &str = "\
Examples:
  fpo config CheetahRun ppo                 # what `fpo train CheetahRun ppo` trains with
  fpo config configs/desk/cheetah_run.toml --set algorithm.kind=fpo++";

/// Of `fpo completions`.
pub(crate) const COMPLETIONS: &str = "\
Examples:
  fpo completions bash > ~/.local/share/bash-completion/completions/fpo
  fpo completions zsh > ~/.zfunc/_fpo       # with ~/.zfunc in $fpath
  fpo completions fish > ~/.config/fish/completions/fpo.fish";

/// Of `fpo man`.
pub(crate) const MAN: &str = "\
Examples:
  fpo man -o ~/.local/share/man/man1        # a page for each command
  fpo man > fpo.1                           # the page of fpo alone";

/// Of `fpo watch`.
pub(crate) const WATCH: &str = "\
Examples:
  fpo watch runs/CheetahRun-seed0
  fpo watch runs/CheetahRun-seed0 --once --panel updates";

/// Of `fpo render`.
pub(crate) const RENDER: &str = "\
Examples:
  fpo render runs/CheetahRun-seed0 -o cheetah.gif
  fpo render runs/CheetahRun-seed0 random --task CheetahRun -o sheet.png";
