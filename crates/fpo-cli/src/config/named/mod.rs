//! What the command line calls a configuration: files, or a task and a method by their names.
//!
//! A word that is the path of a file is that file, whatever else it is the name of; so a folder of
//! the same name is no hindrance. Names may be written as files are, `cheetah_run` or `two_walls`.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::config::built_in::{BuiltIn, Family};
use crate::config::error::ConfigError;
use crate::config::nearest::near;

/// A layer of a configuration that the command line names.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    /// A TOML file.
    File(PathBuf),
    /// A task, with the sizes that the program carries for it.
    Task(Task),
    /// A method that the program carries for the task before it.
    Method(Method),
}

/// A task by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name, as `fpo envs` lists it.
    pub name: String,
    family: Family,
}

/// A method by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// Its name, which is that of its file.
    pub name: &'static str,
    file: Option<BuiltIn>,
}

impl Task {
    /// Finds the task that `word` names. Capitals and underscores do not count, and the part before
    /// a slash may be left out.
    pub fn find(word: &str) -> Option<Task> {
        let names = fpo_envs::names();
        let last = |name: &str| name.rsplit('/').next().map(plain);
        let exact = names.iter().find(|name| plain(name) == plain(word));
        let name = exact.or_else(|| names.iter().find(|name| last(name) == Some(plain(word))))?;
        Some(Task { name: name.clone(), family: Family::of(name) })
    }

    /// Finds the task that `word` names.
    ///
    /// # Errors
    /// [`ConfigError::Name`] with the nearest names.
    pub fn named(word: &str) -> Result<Task, ConfigError> {
        Task::find(word).ok_or_else(|| {
            let names = fpo_envs::names();
            let near = near(word, names.iter().map(String::as_str));
            ConfigError::Name(format!("unknown task `{word}`{}", or_list(&near)))
        })
    }

    /// Returns the names of the methods that the program carries for this task.
    pub fn methods(&self) -> Vec<&'static str> {
        self.family.methods()
    }

    /// Finds the method that `word` names.
    ///
    /// # Errors
    /// [`ConfigError::Name`] with the methods that there are.
    pub fn method(&self, word: &str) -> Result<Method, ConfigError> {
        let methods = self.methods();
        match methods.iter().find(|name| plain(name) == plain(word)) {
            Some(name) => Ok(Method { name, file: self.family.method(name) }),
            None => Err(ConfigError::Name(format!(
                "`{}` has no method `{word}`; there are {}",
                self.name,
                methods.join(", ")
            ))),
        }
    }

    /// Returns the name of the file, in the folder `configs` of the repository, that is written for
    /// this very task; `None` if it takes the sizes of its family.
    pub fn own_file(&self) -> Option<&'static str> {
        let file = self.family.file(&self.name)?;
        let (table, _) = file.read().ok()?;
        let is_own = table.get("env")?.get("task")?.as_str()? == self.name;
        is_own.then_some(file.name)
    }

    /// Returns the name of the file, in the folder `configs`, that tasks without a file of their
    /// own are built on.
    pub fn base_file(&self) -> String {
        self.family.base_file()
    }

    /// Returns the layers of this task, each with the name that errors call it by.
    pub(crate) fn layers(&self) -> Result<Vec<(String, Table)>, ConfigError> {
        let mut layers = files(self.family.file(&self.name))?;
        let env = Table::from_iter([("task".to_string(), self.name.clone().into())]);
        let named = Table::from_iter([("env".to_string(), env.into())]);
        layers.push((format!("the task `{}`", self.name), named));
        Ok(layers)
    }

    /// Returns the texts of the files that make up this task, in the order of [`Task::layers`].
    pub(crate) fn texts(&self) -> Result<Vec<&'static str>, ConfigError> {
        texts(self.family.file(&self.name))
    }
}

impl Method {
    /// Returns the layers of this method, each with the name that errors call it by.
    pub(crate) fn layers(&self) -> Result<Vec<(String, Table)>, ConfigError> {
        files(self.file)
    }

    /// Returns the texts of the files that make up this method, in the order of
    /// [`Method::layers`].
    pub(crate) fn texts(&self) -> Result<Vec<&'static str>, ConfigError> {
        texts(self.file)
    }
}

fn files(file: Option<BuiltIn>) -> Result<Vec<(String, Table)>, ConfigError> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let files = file.with_included()?;
    Ok(files.into_iter().map(|(file, table)| (file.origin(), table)).collect())
}

fn texts(file: Option<BuiltIn>) -> Result<Vec<&'static str>, ConfigError> {
    let Some(file) = file else { return Ok(Vec::new()) };
    Ok(file.with_included()?.into_iter().map(|(file, _)| file.text).collect())
}

impl Named {
    /// Returns what each of the words of a command line names.
    ///
    /// # Errors
    /// [`ConfigError::Name`] for a word that is neither a file nor a name, for two tasks or two
    /// methods, and for a method without a task before it. That a file cannot be read is found out
    /// later, when it is.
    pub fn all(words: &[PathBuf]) -> Result<Vec<Named>, ConfigError> {
        let mut found: Vec<Named> = Vec::new();
        for word in words {
            let task = found.iter().find_map(|named| match named {
                Named::Task(task) => Some(task),
                _ => None,
            });
            let has_method = found.iter().any(|named| matches!(named, Named::Method(_)));
            let named = Named::one(word, task, has_method)?;
            found.push(named);
        }
        Ok(found)
    }

    fn one(word: &Path, task: Option<&Task>, has_method: bool) -> Result<Named, ConfigError> {
        let is_folder = match fs::metadata(word) {
            Ok(found) if !found.is_dir() => return Ok(Named::File(word.into())),
            found => found.is_ok(),
        };
        let Some(name) = word.to_str() else { return Ok(Named::File(word.into())) };
        let wrong = |text: String| Err(ConfigError::Name(text));
        if let Some(found) = Task::find(name) {
            return match task {
                None => Ok(Named::Task(found)),
                Some(first) => {
                    wrong(format!("`{}` and `{}` are two tasks: name one", first.name, found.name))
                }
            };
        }
        let is_method = METHOD_FAMILIES
            .iter()
            .flat_map(|task| Family::of(task).methods())
            .any(|method| plain(method) == plain(name));
        match task {
            Some(task) if is_method => match has_method {
                false => task.method(name).map(Named::Method),
                true => wrong(format!("`{name}` is a second method: name one, or files")),
            },
            None if is_method => wrong(format!(
                "the method `{name}` needs a task's name before it, such as CheetahRun {name}; to \
                 lay a method over files, name its file"
            )),
            // A name with an ending was meant for a file, and a folder is one that cannot be read.
            _ if is_folder || word.extension().is_some() => Ok(Named::File(word.into())),
            task => wrong(unknown(name, task)),
        }
    }

    /// Returns the path or the name by which folders of runs are called.
    pub fn label(&self) -> PathBuf {
        match self {
            Named::File(path) => path.clone(),
            Named::Task(task) => PathBuf::from(&task.name),
            Named::Method(method) => PathBuf::from(method.name),
        }
    }
}

/// A task of each family.
const METHOD_FAMILIES: [&str; 2] = ["GridWorld/", ""];

/// Says of a word that it is nothing that a command line can name.
fn unknown(name: &str, task: Option<&Task>) -> String {
    let tasks = fpo_envs::names();
    let methods = task.map(Task::methods).unwrap_or_default();
    let names = methods.iter().copied().chain(tasks.iter().map(String::as_str));
    let what = if task.is_some() { "a file, a method" } else { "a file" };
    format!("`{name}` is neither {what} nor a task{}", or_list(&near(name, names)))
}

/// Asks for one of `names`, and says where all tasks are listed.
fn or_list(names: &[&str]) -> String {
    let mark = if names.is_empty() { ";" } else { "" };
    format!("{}{mark} `fpo envs` lists all tasks", did_you_mean(names))
}

fn did_you_mean(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => {
            let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!(": did you mean {}?", quoted.join(" or "))
        }
    }
}

/// Returns `name` without what does not count in a name of a task or a method.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !"_-".contains(*c)).flat_map(char::to_lowercase).collect()
}
