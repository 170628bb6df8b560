//! Counts the buffers that Candle's operations write, and says which operations write them.
//!
//! Candle counts no operations, but every operation that computes puts its result into a new
//! storage behind an `Arc`, while views share theirs; so the allocations of exactly that size and
//! alignment count the buffers written, uploads and zeroed gradients included. A backtrace of each
//! tells the operation and the phase. Without symbols the numbers stay, and the names do not.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use candle_core::Storage;

/// Counts the storages that are made.
struct Counting;

static STORAGES: AtomicUsize = AtomicUsize::new(0);
static TRACES: Mutex<Vec<Backtrace>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether this thread keeps a backtrace of every storage.
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

/// What `Arc<RwLock<Storage>>` allocates: two counters and the storage.
const STORAGE: Layout = match Layout::new::<[usize; 2]>().extend(Layout::new::<RwLock<Storage>>()) {
    Ok((layout, _)) => layout.pad_to_align(),
    Err(_) => panic!("too large"),
};

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout == STORAGE {
            STORAGES.fetch_add(1, Ordering::Relaxed);
            // A backtrace allocates too.
            if TRACING.replace(false) {
                TRACES.lock().unwrap().push(Backtrace::force_capture());
                TRACING.set(true);
            }
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Only vectors grow. A storage keeps its size, so growing memory is not counted as one.
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the number of buffers that `work` writes, and its result.
pub fn buffers<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = STORAGES.load(Ordering::Relaxed);
    let result = work();
    (STORAGES.load(Ordering::Relaxed) - before, result)
}

/// Buffers by phase and operation.
#[derive(Default)]
pub struct Tally(BTreeMap<(usize, &'static str), BTreeMap<String, usize>>);

/// Where a buffer was written, by names of functions or files; the first that is found counts.
const PHASES: [(&str, &str); 9] = [
    ("backprop", "backward"),
    ("src/rollout/mod.rs", "gather"),
    ("src/nn/normalizer/mod.rs", "normalise"),
    ("into_step", "diagnostics"),
    ("src/objective/gae.rs", "advantages"),
    ("shape_advantages", "advantages"),
    ("src/nn/value_net.rs", "value network"),
    ("src/policy/", "policy network"),
    ("src/optimizer/", "clip and Adam"),
];

/// Functions of Candle by what they do, where their names do not say it.
const OPERATIONS: [(&str, &str); 13] = [
    ("sum_impl", "sum"),
    ("sum_all", "sum"),
    ("reduce_impl", "min or max"),
    ("cat_contiguous", "cat"),
    ("cat0", "cat"),
    ("from_vec_impl", "upload"),
    ("from_slice", "upload"),
    ("new_impl", "upload"),
    ("zeros_impl", "zeros"),
    ("zeros_like", "zeros"),
    ("ones_like", "ones"),
    ("apply_op1_arc", "custom"),
    ("make_var", "copy"),
];

impl Tally {
    /// Does `work` and tallies what it writes.
    pub fn of<R>(work: impl FnOnce() -> R) -> (Tally, R) {
        TRACES.lock().unwrap().reserve(4096);
        TRACING.set(true);
        let result = work();
        TRACING.set(false);
        let traces = std::mem::take(&mut *TRACES.lock().unwrap());
        let (mut tally, mut passes) = (Tally::default(), 0);
        for trace in traces {
            let trace = trace.to_string();
            let frames: Vec<&str> = trace.lines().filter_map(function).collect();
            let operation = operation(&frames);
            let place = PHASES.iter().position(|(name, _)| trace.contains(name));
            let place = place.unwrap_or(PHASES.len());
            // Each pass backward begins with a one.
            passes += usize::from(place == 0 && operation == "ones");
            let phase = match (place, passes) {
                (0, 1) => "backward: policy",
                (0, _) => "backward: value",
                _ => PHASES.get(place).map_or("the rest", |(_, phase)| phase),
            };
            let first = PHASES.iter().position(|(_, of)| *of == phase).unwrap_or(place);
            *tally.0.entry((first, phase)).or_default().entry(operation).or_default() += 1;
        }
        (tally, result)
    }

    /// Returns the number of buffers.
    pub fn total(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).sum()
    }

    /// Prints one line for each phase, the operations that write most first.
    pub fn print(&self, what: &str) {
        println!("{what}: {} buffers", self.total());
        for ((_, phase), operations) in &self.0 {
            let mut operations: Vec<_> = operations.iter().collect();
            operations.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let total: usize = operations.iter().map(|(_, count)| **count).sum();
            let list = operations.iter().map(|(name, count)| format!("{name} {count}"));
            println!("  {phase:16} {total:4}  {}", list.collect::<Vec<_>>().join(", "));
        }
    }
}

/// Returns the function of a frame's first line, such as ` 7: candle_core::tensor::Tensor::add`.
fn function(line: &str) -> Option<&str> {
    let (number, function) = line.trim().split_once(": ")?;
    number.parse::<u32>().ok().map(|_| function)
}

/// Returns the innermost of Candle's operations.
fn operation(frames: &[&str]) -> String {
    let plain = |frame: &str| -> String {
        let mut depth = 0;
        let name = frame.chars().filter(|&c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0 && c != '>'
        });
        let name: String = name.collect();
        name.rsplit("::").next().unwrap_or_default().to_string()
    };
    let storage = frames.iter().position(|frame| frame.contains("from_storage"));
    let names: Vec<String> = frames.iter().map(|frame| plain(frame)).collect();
    let known = names.iter().find_map(|name| OPERATIONS.iter().find(|(of, _)| of == name));
    match (known, storage) {
        (Some((_, "custom")), _) if names.iter().any(|name| name == "sigmoid") => "sigmoid".into(),
        (Some((_, "custom")), _) => "attach".into(),
        (Some((_, name)), _) => (*name).into(),
        (None, Some(at)) => names.get(at + 1).cloned().unwrap_or_default(),
        (None, None) => {
            let one = |name: &&String| ["index_select", "cat", "stack"].contains(&name.as_str());
            names.iter().find(one).cloned().unwrap_or_else(|| "unknown".into())
        }
    }
}
