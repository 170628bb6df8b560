//! The condition under which a setting applies: `only.method = "ppo"`, `only.task = ["A", "B"]`,
//! `only.base = "desk"`, or several of them, which must then all hold.

use anyhow::Result;

use crate::sweep::file::parts::Known;
use crate::sweep::file::section::Section;

/// Which runs a setting applies to; all of them by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Only {
    tasks: Option<Vec<String>>,
    methods: Option<Vec<String>>,
    bases: Option<Vec<String>>,
}

impl Only {
    /// Reads the condition in the table `only` of `section`, if there is one.
    ///
    /// # Errors
    /// Names a task, method or base that the sweep does not have, and those that it has.
    pub(crate) fn read(section: &Section, known: &Known) -> Result<Only> {
        let Some(only) = section.section("only")? else { return Ok(Only::default()) };
        only.allow(&["task", "method", "base"])?;
        let names = |key: &str, known: Vec<&str>| -> Result<Option<Vec<String>>> {
            let Some(value) = only.get(key) else { return Ok(None) };
            let place = only.dotted(key);
            let names = only.strings(&place, value, "a name or a list of names")?;
            match names.iter().find(|name| !known.contains(&name.as_str())) {
                None => Ok(Some(names)),
                Some(name) => {
                    let known = match known.is_empty() {
                        true => "there is none".into(),
                        false => format!("there are {}", known.join(", ")),
                    };
                    Err(only.wrong(&place, &format!("there is no {key} `{name}`: {known}")))
                }
            }
        };
        let own = known.methods.iter().map(|(name, _)| name.as_str());
        let of_bases = known.bases.iter().flat_map(|base| &base.methods);
        let mut methods: Vec<&str> = own.chain(of_bases.map(|(name, _)| name.as_str())).collect();
        methods.sort_unstable();
        methods.dedup();
        Ok(Only {
            tasks: names("task", known.tasks.iter().map(|task| task.name.as_str()).collect())?,
            methods: names("method", methods)?,
            bases: names("base", known.bases.iter().map(|base| base.name.as_str()).collect())?,
        })
    }

    /// Returns whether the setting applies to runs of this task, method and base.
    pub fn holds(&self, task: &str, method: &str, base: Option<&str>) -> bool {
        let has = |names: &Option<Vec<String>>, name: Option<&str>| match (names, name) {
            (None, _) => true,
            (Some(names), Some(name)) => names.iter().any(|other| other == name),
            (Some(_), None) => false,
        };
        has(&self.tasks, Some(task)) && has(&self.methods, Some(method)) && has(&self.bases, base)
    }
}
