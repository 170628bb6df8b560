//! The operations that a Metal device must have for the composed operations: a list, compared with
//! our sources on one side and with Candle's Metal backend on the other.
//!
//! The list is `metal/operations.txt`. A new operation in our sources fails here until it is
//! listed, and a listed kernel that Candle does not have fails too. This reads sources: nothing
//! here runs on a Metal device.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of Candle whose backend was read.
const CANDLE: &str = "0.10.2";

/// What never meets a tensor on a device of its own.
const CPU_ONLY: [&str; 6] = [
    "backend/fused",
    "diagnostics",
    "optimizer/adam_in_place.rs",
    "simd",
    "tensor/differentiated.rs",
    "tensor/slices.rs",
];

#[derive(Default)]
struct List {
    /// Kernels: file of Candle, and the text to find there.
    kernels: BTreeMap<String, (String, String)>,
    /// Methods and the kernels that they and their derivatives take.
    methods: BTreeMap<String, Vec<String>>,
    /// Methods without kernels, and names of other things.
    others: BTreeSet<String>,
    /// Files that name f64.
    f64_files: BTreeSet<String>,
}

fn list() -> List {
    let mut list = List::default();
    let text = std::fs::read_to_string(here().join("tests/metal/operations.txt")).unwrap();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (kind, rest) = line.split_once(' ').unwrap();
        let fields: Vec<&str> = rest.splitn(3, " | ").map(str::trim).collect();
        match (kind, &fields[..]) {
            ("kernel", [name, file, text]) => {
                let known = (file.to_string(), text.to_string());
                assert!(list.kernels.insert(name.to_string(), known).is_none(), "{name} twice");
            }
            ("method", [name, result, derivative]) => {
                let kernels = [*result, *derivative].map(str::split_whitespace).into_iter();
                let kernels = kernels.flatten().filter(|&kernel| kernel != "-");
                let kernels = kernels.map(str::to_string).collect();
                assert!(list.methods.insert(name.to_string(), kernels).is_none(), "{name} twice");
            }
            ("view" | "host", [names]) => {
                list.others.extend(names.split_whitespace().map(str::to_string));
            }
            ("f64", [file, reason]) if !reason.is_empty() => {
                list.f64_files.insert(file.to_string());
            }
            _ => panic!("cannot read {line:?}"),
        }
    }
    list
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Folders of the packages of Candle that this workspace builds with, by name.
fn candle() -> BTreeMap<String, PathBuf> {
    // Of this machine's platform only: the packages of others need not have been fetched.
    let platform = ["--filter-platform", "host-tuple"];
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(platform)
        .current_dir(here())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut folders = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if ["candle-core", "candle-nn"].contains(&name) {
            assert_eq!(package["version"], CANDLE, "read its Metal backend, and mend the list");
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            folders.insert(name.to_string(), manifest.parent().unwrap().to_path_buf());
        }
    }
    assert_eq!(folders.len(), 2);
    folders
}

/// Our sources without tests and comments, by their paths from `src`.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            if CPU_ONLY.contains(&name.as_str()) || name.ends_with("tests.rs") {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let code = code.lines().map(|line| line.split("//").next().unwrap());
                found.insert(name, code.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    let (root, mut found) = (here().join("src"), BTreeMap::new());
    walk(&root, &root, &mut found);
    assert!(found.len() > 50);
    found
}

/// The identifier at the start of `text`.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Identifiers that follow any of `before` in `text`.
fn following<'a>(text: &'a str, before: &'a [&str]) -> impl Iterator<Item = &'a str> {
    before.iter().flat_map(move |before| {
        text.match_indices(before).map(|(at, found)| identifier(&text[at + found.len()..]))
    })
}

/// Names of the public methods of Candle's tensors.
fn methods_of_candle(candle_core: &Path) -> BTreeSet<String> {
    let files = ["tensor.rs", "tensor_cat.rs", "custom_op.rs", "sort.rs", "backprop.rs"];
    let texts = files.map(|file| std::fs::read_to_string(candle_core.join("src").join(file)));
    let texts = texts.map(Result::unwrap);
    // Elementwise methods are made by macros.
    let before = ["pub fn ", "unary_op!(", "binary_op!(", "binary_op_scalar!("];
    let names = texts.iter().flat_map(|text| following(text, &before)).map(str::to_string);
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn every_operation_of_the_composed_path_is_listed() {
    let (list, known) = (list(), methods_of_candle(&candle()["candle-core"]));
    for name in ["silu", "add", "broadcast_add", "matmul", "cat", "apply_op1", "backward"] {
        assert!(known.contains(name), "Candle's methods are not found: {name}");
    }
    let mut used = BTreeSet::new();
    for (file, code) in sources() {
        for name in following(&code, &[".", "Tensor::"]) {
            if known.contains(name) {
                let listed = list.methods.contains_key(name) || list.others.contains(name);
                assert!(listed, "src/{file} uses `{name}`, which tests/metal/operations.txt lacks");
                used.insert(name.to_string());
            }
        }
        if code.contains("DType::F64") {
            assert!(list.f64_files.contains(&file), "src/{file} names f64, which Metal lacks");
        }
    }
    let listed = list.methods.keys().filter(|&name| name != "operators");
    let idle: Vec<_> = listed.chain(&list.others).filter(|name| !used.contains(*name)).collect();
    assert!(idle.is_empty(), "listed, but used nowhere: {idle:?}");
}

#[test]
fn candle_has_every_kernel_that_is_listed_for_metal() {
    let (list, candle) = (list(), candle());
    for (method, kernels) in &list.methods {
        for kernel in kernels {
            assert!(list.kernels.contains_key(kernel), "{method} needs {kernel}, not described");
        }
    }
    let mut needed: BTreeSet<_> = list.methods.values().flatten().collect();
    for (kernel, (file, text)) in &list.kernels {
        let (package, file) = file.split_once(' ').unwrap();
        let source = std::fs::read_to_string(candle[package].join(file)).unwrap();
        assert!(source.contains(text), "{package} has no {kernel} for Metal: {text}");
        assert!(needed.remove(kernel), "no operation needs {kernel}");
    }
}
