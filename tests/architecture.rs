//! The structure of the crates, held by reading their `use` lines: modules stand on floors, arrows
//! lead downward, and no two files import each other.
//!
//! - An import names the module in which a thing lives: `use crate::nn::mlp::Mlp`, never a
//!   re-export of `lib.rs`, which is for outsiders.
//! - A file imports only from its own folder or from modules on a lower floor.
//! - No chain of imports leads back to the file where it began.
//! - `fpo-core` and `fpo-envs` know neither each other nor `fpo-cli`.
//!
//! Tests inside a crate (`mod tests`) may import what they like.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of a crate from the ground to the top; those of one floor do not see each other.
struct House {
    name: &'static str,
    floors: &'static [&'static [&'static str]],
    strangers: &'static [&'static str],
}

const HOUSES: [House; 3] = [
    House {
        name: "fpo-core",
        floors: &[
            &["error", "timing", "simd"],
            &["tensor", "random", "reduce"],
            &["rollout", "diagnostics", "nn"],
            &["optimizer", "flow"],
            &["policy"],
            &["likelihood", "objective"],
            &["algorithm", "backend"],
            &["acting"],
            &["learner", "onnx", "policy_file"],
        ],
        strangers: &["fpo_envs", "fpo_cli"],
    },
    House {
        name: "fpo-envs",
        floors: &[
            &["error", "options", "reward", "rng", "spec"],
            &["vec_env", "task"],
            &["batch", "closed_form", "simulation"],
            &["classic", "control_suite", "gridworld", "rendering"],
            &["registry"],
        ],
        strangers: &["fpo_core", "fpo_cli", "candle_core", "candle_nn"],
    },
    House {
        name: "fpo-cli",
        floors: &[
            &["text"],
            &["config", "host", "statistics"],
            &["terminal"],
            &["ranks"],
            &["run", "startup"],
            &["results"],
            &["training"],
            &["report", "sweep", "dashboard"],
            &["commands"],
        ],
        strangers: &[],
    },
];

/// Imports that may lead upward all the same, each with its reason. There are none.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

/// A module by the segments of its path below the crate.
type Module = Vec<String>;

/// Returns the source files of a crate that are not tests, by their modules.
fn modules(source: &Path) -> BTreeMap<Module, PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![source.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(source).unwrap().with_extension("");
                let mut module: Module =
                    inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                if module.last().is_some_and(|last| last == "mod") {
                    module.pop();
                }
                let is_root = ["lib", "main"].contains(&module[0].as_str());
                if !is_root && !module.contains(&"tests".to_string()) {
                    found.insert(module, path);
                }
            }
        }
    }
    found
}

/// Returns the text without comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the paths that the `use` declarations of `code` import, as segments.
fn imports(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let starts_line = code[..at].rsplit('\n').next().unwrap().trim();
        if starts_line.is_empty() || starts_line.starts_with("pub") {
            let tree = code[at + 4..].split(';').next().unwrap();
            expand(&[], tree, &mut paths);
        }
    }
    paths
}

/// Adds the paths of a `use` tree below `before` to `paths`.
fn expand(before: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let (head, group) = match tree.split_once('{') {
        Some((head, rest)) => (head, rest.rsplit_once('}').map(|(group, _)| group)),
        None => (tree, None),
    };
    let head = head.split(" as ").next().unwrap();
    let segments = head.split("::").map(str::trim).filter(|segment| !segment.is_empty());
    let path: Vec<String> = before.iter().cloned().chain(segments.map(String::from)).collect();
    let Some(group) = group else {
        let ends_in_self = path.len() > 1 && path.last().is_some_and(|last| last == "self");
        return paths.push(path[..path.len() - usize::from(ends_in_self)].to_vec());
    };
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    expand(&path, &group[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Returns the path below the crate that `import` in `module` means, or `None` if it means another
/// crate.
fn absolute(module: &Module, import: &[String], all: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let (first, rest) = import.split_first()?;
    let supers = import.iter().take_while(|segment| *segment == "super").count();
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module.as_slice(), rest].concat()),
        "super" => {
            let base = &module[..module.len() - supers];
            Some([base, &import[supers..]].concat())
        }
        // A child that was declared in this file.
        _ => {
            let path = [module.as_slice(), import].concat();
            all.contains_key(&path[..=module.len()]).then_some(path)
        }
    }
}

/// Returns which files each file imports from. Adds what is wrong with single imports to `faults`.
fn arrows(house: &House, faults: &mut Vec<String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = modules(&crates.join(house.name).join("src"));
    assert!(all.len() > 20, "{}: only {} files were found", house.name, all.len());
    let mut arrows = BTreeMap::<Module, BTreeSet<Module>>::new();
    for (module, path) in &all {
        let text = fs::read_to_string(path).unwrap();
        for import in imports(&code(&text)) {
            let place = format!("{}/src/{}", house.name, module.join("/"));
            if house.strangers.contains(&import[0].as_str()) {
                faults.push(format!("{place} imports from {}", import[0]));
            }
            let Some(target) = absolute(module, &import, &all) else { continue };
            let file = (1..=target.len()).rev().find(|&len| all.contains_key(&target[..len]));
            match file {
                Some(len) if target[..len] == module[..] => {}
                Some(len) => {
                    arrows.entry(module.clone()).or_default().insert(target[..len].to_vec());
                }
                None => faults.push(format!(
                    "{place} imports `{}` from lib.rs instead of the module in which it lives",
                    target.join("::")
                )),
            }
        }
    }
    arrows
}

/// Returns the floor of a module, which follows from the folder or file below the crate in which it
/// lies.
fn floor(house: &House, module: &Module) -> usize {
    let found = house.floors.iter().position(|floor| floor.contains(&module[0].as_str()));
    found.unwrap_or_else(|| panic!("{}: `{}` stands on no floor", house.name, module[0]))
}

/// Adds the first cycle that is met from `module` to `faults`.
fn find_cycle(
    module: &Module,
    arrows: &BTreeMap<Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
    faults: &mut Vec<String>,
) {
    if let Some(start) = way.iter().position(|other| other == module) {
        let names: Vec<String> =
            way[start..].iter().chain([module]).map(|module| module.join("/")).collect();
        faults.push(format!("imports lead in a circle: {}", names.join(" → ")));
        return;
    }
    if done.contains(module) {
        return;
    }
    way.push(module.clone());
    for target in arrows.get(module).into_iter().flatten() {
        find_cycle(target, arrows, way, done, faults);
    }
    way.pop();
    done.insert(module.clone());
}

#[test]
fn imports_lead_downward_and_never_in_a_circle() {
    let mut faults = Vec::new();
    for house in &HOUSES {
        let arrows = arrows(house, &mut faults);
        for (from, targets) in &arrows {
            for to in targets.iter().filter(|to| to[0] != from[0]) {
                let (a, b) = (from.join("/"), to.join("/"));
                let excepted = EXCEPTIONS.iter().any(|(from, to, _)| *from == a && *to == b);
                if floor(house, to) >= floor(house, from) && !excepted {
                    faults.push(format!(
                        "{}: {a} imports from {b}, which is no floor below",
                        house.name
                    ));
                }
            }
        }
        let (mut way, mut done) = (Vec::new(), BTreeSet::new());
        for module in arrows.keys() {
            find_cycle(module, &arrows, &mut way, &mut done, &mut faults);
        }
        let count: usize = arrows.values().map(BTreeSet::len).sum();
        println!("{}: {count} arrows between files", house.name);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The reader of `use` lines sees what the compiler sees.
#[test]
fn imports_are_read_as_they_are_written() {
    let text = "use crate::a::{self, b::{C, D}, e};\n// use crate::no;\npub use f::G as H;\n\
                let x = use_it();\n#[cfg(test)]\nmod tests {\nuse crate::never;\n}\n";
    let found: Vec<String> = imports(&code(text)).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::a", "crate::a::b::C", "crate::a::b::D", "crate::a::e", "f::G"]);
}
