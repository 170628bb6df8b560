//! Who has started this process together with others, and which of them it is: launchers say so in
//! environment variables.

/// The kind of MPI that a launcher belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Open MPI and its descendants.
    OpenMpi,
    /// MPICH and those that share its interface: Intel's, Cray's, MVAPICH.
    Mpich,
    /// One of both.
    Unknown,
}

/// A launcher, and what it says of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// The command, for messages.
    pub name: &'static str,
    /// The kind of MPI that it belongs to.
    pub engine: Engine,
    /// The number of this process, from 0.
    pub rank: usize,
    /// How many processes were started.
    pub size: usize,
    /// How many of them run on this host, if it says so.
    pub on_host: Option<usize>,
}

/// Variables of a launcher: number, count, and count on this host.
type Names = (&'static str, Engine, [&'static str; 3]);

const KNOWN: [Names; 3] = [
    (
        "mpirun",
        Engine::OpenMpi,
        ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"],
    ),
    (
        "mpirun",
        Engine::Mpich,
        ["MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE"],
    ),
    ("mpirun", Engine::Mpich, ["PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"]),
];

/// Returns the launcher of this process, if it has one that is known.
pub fn launcher() -> Option<Launcher> {
    find(&|name| std::env::var(name).ok())
}

fn find(variable: &dyn Fn(&str) -> Option<String>) -> Option<Launcher> {
    let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
    let slurm = slurm(variable);
    let known = KNOWN.iter().find_map(|&(name, engine, [rank, size, on_host])| {
        let (rank, size) = (number(rank)?, number(size)?);
        Some(Launcher { name, engine, rank, size, on_host: number(on_host) })
    });
    match (known, slurm) {
        // `srun` speaks as the engine that it starts, too.
        (Some(known), Some(slurm)) if known.size == slurm.size => {
            let on_host = known.on_host.or(slurm.on_host);
            Some(Launcher { name: "srun", on_host, ..known })
        }
        (known, slurm) => known.or(slurm),
    }
}

/// Returns what `srun` says. A script of `sbatch` is no part of a step: it does not say so there.
fn slurm(variable: &dyn Fn(&str) -> Option<String>) -> Option<Launcher> {
    let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
    let (rank, size) = (number("SLURM_PROCID")?, number("SLURM_STEP_NUM_TASKS")?);
    let on_host = || {
        let node = number("SLURM_NODEID").unwrap_or(0);
        tasks_on(&variable("SLURM_STEP_TASKS_PER_NODE")?, node)
    };
    let engine = match variable("PMIX_RANK") {
        Some(_) => Engine::Unknown,
        None => Engine::Mpich,
    };
    Some(Launcher { name: "srun", engine, rank, size, on_host: on_host() })
}

/// Returns the number of tasks of node `node` in a list such as `2(x3),1`.
fn tasks_on(list: &str, node: usize) -> Option<usize> {
    let mut before = 0;
    for entry in list.split(',') {
        let (tasks, nodes) = match entry.split_once("(x") {
            Some((tasks, nodes)) => (tasks, nodes.strip_suffix(')')?.parse().ok()?),
            None => (entry, 1),
        };
        before += nodes;
        if node < before {
            return tasks.trim().parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Option<Launcher> {
        find(&|name| set.iter().find(|(known, _)| *known == name).map(|(_, x)| x.to_string()))
    }

    #[test]
    fn launchers_show_themselves_by_their_variables() {
        assert_eq!(of(&[]), None);
        let open = of(&[
            ("OMPI_COMM_WORLD_RANK", "1"),
            ("OMPI_COMM_WORLD_SIZE", "4"),
            ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"),
        ]);
        let open = open.unwrap();
        assert_eq!((open.engine, open.rank, open.size), (Engine::OpenMpi, 1, 4));
        assert_eq!(open.on_host, Some(2));
        let mpich = of(&[("PMI_RANK", "0"), ("PMI_SIZE", "2"), ("MPI_LOCALNRANKS", "2")]).unwrap();
        assert_eq!((mpich.engine, mpich.size, mpich.on_host), (Engine::Mpich, 2, Some(2)));
        assert_eq!(of(&[("PMI_RANK", "0"), ("PMI_SIZE", "two")]), None);
    }

    #[test]
    fn a_step_of_slurm_counts_and_a_batch_script_does_not() {
        let script = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")];
        assert_eq!(of(&script), None);
        let step = [
            ("SLURM_PROCID", "3"),
            ("SLURM_STEP_NUM_TASKS", "4"),
            ("SLURM_NODEID", "1"),
            ("SLURM_STEP_TASKS_PER_NODE", "3,1"),
        ];
        let found = of(&step).unwrap();
        assert_eq!((found.name, found.rank, found.size), ("srun", 3, 4));
        assert_eq!((found.engine, found.on_host), (Engine::Mpich, Some(1)));
        let with_pmix = [&step[..], &[("PMIX_RANK", "3")]].concat();
        assert_eq!(of(&with_pmix).unwrap().engine, Engine::Unknown);
        // An mpirun within a step of one task has the say.
        let within = [
            ("SLURM_PROCID", "0"),
            ("SLURM_STEP_NUM_TASKS", "1"),
            ("OMPI_COMM_WORLD_RANK", "1"),
            ("OMPI_COMM_WORLD_SIZE", "2"),
        ];
        assert_eq!(of(&within).unwrap().name, "mpirun");
    }

    #[test]
    fn lists_of_tasks_are_read_node_by_node() {
        for (node, tasks) in [(0, Some(2)), (2, Some(2)), (3, Some(1)), (4, None)] {
            assert_eq!(tasks_on("2(x3),1", node), tasks, "{node}");
        }
        assert_eq!(tasks_on("2(x", 0), None);
    }
}
