//! What a process settles before its command begins: the environment variables that say how to
//! compute, and the threads that do it.

pub mod pool;
pub mod variables;
