//! What is left of a run when it is over: one line of JSON in a file of results, which needs
//! nothing else to be understood, compared and averaged.
//!
//! ```text
//! {"format":1,"task":"CheetahRun","method":"ppo","seed":5,"digest":"0d7c…","settings":{},
//!  "config":{"algorithm.kind":"ppo",…},"status":"finished","env_steps":2995200,
//!  "evaluations":[{"step":0,"seconds":1.2,"mean":4.1,"stderr":0.3,…},…],…}
//! ```
//!
//! A run is known by the [digest](identity) of its configuration and by its seed.

pub mod file;
pub mod from_run;
pub mod identity;
pub mod merged;
pub mod outcome;
pub mod row;
pub mod standing;
pub mod tail;
