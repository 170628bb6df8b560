//! The folder of a run: its files, written whole or not at all.

pub mod best;
pub mod checkpoint_files;
pub mod dir;
pub mod durable;
pub mod lock;
pub mod metrics;
pub mod scan;
pub mod sealed_json;
pub mod set_aside;
pub mod tensorboard;
