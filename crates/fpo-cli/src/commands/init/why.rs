//! The comments of the files that the program carries: why a value is what it is.

use std::collections::HashMap;

/// What a file says of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Why {
    /// Whole sentences in the lines above the value.
    pub above: Option<String>,
    /// A few words behind the value.
    pub behind: Option<String>,
}

/// Returns what the files `texts` say of values, by their dotted names. What a later file says, if
/// only nothing, takes the place of what was said of the value that it replaces.
pub(super) fn whys(texts: &[&str]) -> HashMap<String, Why> {
    let mut found = HashMap::new();
    for text in texts {
        let (mut section, mut above) = ("", Vec::new());
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix('#') {
                above.push(comment.trim());
                continue;
            }
            if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                section = name;
            } else if let Some((key, rest)) = line.split_once(" = ") {
                // No value of these files holds the sign of a comment.
                let behind = rest.split_once('#').map(|(_, comment)| comment.trim().to_owned());
                let above = (!above.is_empty()).then(|| above.join(" "));
                found.insert(format!("{section}.{key}"), Why { above, behind });
            }
            // The comment at the head of a file or a section is of all that follows.
            above.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;
    use crate::config::named::Task;

    #[test]
    fn comments_are_those_of_the_value_and_later_files_replace_them() {
        let first = "# Head.\n[a]\nx = 1 # one\n# Two\n# lines.\ny = 2\nz = 3 # three\n";
        let second = "include = [\"first\"]\n\n[a]\nz = 4\n";
        let whys = whys(&[first, second]);
        let why = |above: Option<&str>, behind: Option<&str>| Why {
            above: above.map(String::from),
            behind: behind.map(String::from),
        };
        assert_eq!(whys["a.x"], why(None, Some("one")));
        assert_eq!(whys["a.y"], why(Some("Two lines."), None));
        assert_eq!(whys["a.z"], Why::default());
    }

    /// The files are read by their lines, so that this must see every value that TOML sees.
    #[test]
    fn every_value_of_the_carried_files_is_seen() {
        for name in fpo_envs::names() {
            let task = Task::named(&name).unwrap();
            for method in task.methods() {
                let method = task.method(method).unwrap();
                let texts = [task.texts().unwrap(), method.texts().unwrap()].concat();
                let found = whys(&texts);
                for text in texts {
                    let table: Table = toml::from_str(text).unwrap();
                    for (section, fields) in table {
                        let Value::Table(fields) = fields else { continue };
                        for (field, _) in fields {
                            let key = format!("{section}.{field}");
                            assert!(found.contains_key(&key), "{}: {key}", method.name);
                        }
                    }
                }
            }
        }
    }
}
