//! What is wrong with numbers of which no statistic can be made.

/// Numbers that cannot be summarised, and why. Tasks, runs and pairs count from 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// There are no scores at all.
    #[error("there is no task; scores of at least one are needed")]
    NoTask,
    /// A task was not played.
    #[error("task {task} has no run; every task needs at least one")]
    NoRun {
        /// The task.
        task: usize,
    },
    /// A score is NaN or infinite.
    #[error("run {run} of task {task} has the score {score}; scores must be finite")]
    Score {
        /// The task.
        task: usize,
        /// The run of that task.
        run: usize,
        /// Its score.
        score: f64,
    },
    /// Two methods have not played the same tasks.
    #[error("scores of {x} tasks cannot be compared with scores of {y}; both need the same tasks")]
    Tasks {
        /// Number of tasks of the first method.
        x: usize,
        /// Number of tasks of the second.
        y: usize,
    },
    /// There are no curves.
    #[error("there is no curve; at least one run is needed")]
    NoCurve,
    /// A curve has not one value for each step.
    #[error("run {run} has {values} values for {steps} steps; it needs one for each")]
    Length {
        /// The run.
        run: usize,
        /// Number of its values.
        values: usize,
        /// Number of steps.
        steps: usize,
    },
    /// A value of a curve is NaN or infinite.
    #[error("run {run} has the value {value} at step number {at}; values must be finite")]
    Value {
        /// The run.
        run: usize,
        /// Position of the step, from 0.
        at: usize,
        /// The value.
        value: f64,
    },
    /// The values of two policies are not pairs.
    #[error("{of} values cannot be paired with {over}; there must be one or more of each")]
    Pairs {
        /// Number of values of the one policy.
        of: usize,
        /// Number of values of the other.
        over: usize,
    },
    /// A difference is NaN or infinite.
    #[error("pair {pair} has the difference {difference}; differences must be finite")]
    Difference {
        /// The pair.
        pair: usize,
        /// Its difference.
        difference: f64,
    },
}
