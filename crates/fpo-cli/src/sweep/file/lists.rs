//! The lists of a sweep: its seeds, its settings and what is drawn.

use anyhow::Result;
use toml::{Table, Value};

use crate::sweep::file::only::Only;
use crate::sweep::file::parts::Known;
use crate::sweep::file::section::Section;
use crate::sweep::file::values::{self, Draw, fields};

/// The most seeds of a sweep.
const MOST_SEEDS: usize = 100_000;

/// An entry of the list of settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The fields.
    pub set: Table,
    /// The runs that have it.
    pub only: Only,
}

/// Seeded random choices.
#[derive(Clone, Debug, PartialEq)]
pub struct Random {
    /// How often is drawn.
    pub draws: u64,
    /// The seed of the draws.
    pub seed: u64,
    /// What is drawn.
    pub fields: Vec<Draw>,
}

/// Reads `seeds`: a list, or a first one and how many follow each other.
pub(crate) fn seeds(file: &Section) -> Result<Vec<u64>> {
    let expected = "a list of whole numbers from 0, such as [1, 2, 3], or { from = 1, count = 3 }";
    let wrong = |found: &str| file.wrong("seeds", &format!("{found}, expected {expected}"));
    let whole = |value: &Value| value.as_integer().and_then(|number| u64::try_from(number).ok());
    let seeds: Vec<u64> = match file.get("seeds") {
        None => return Err(wrong("not set")),
        Some(Value::Array(list)) => {
            let numbers: Option<Vec<u64>> = list.iter().map(whole).collect();
            numbers.ok_or_else(|| wrong(&format!("found {}", Value::from(list.clone()))))?
        }
        Some(Value::Table(table)) => {
            let range = Section::new(file, "seeds".into(), table);
            range.allow(&["from", "count"])?;
            let number =
                |key| range.get(key).and_then(whole).ok_or_else(|| wrong("found another table"));
            let (from, count) = (number("from")?, number("count")?);
            if count > MOST_SEEDS as u64 {
                return Err(wrong(&format!(
                    "found {count} seeds, at most {MOST_SEEDS} are possible"
                )));
            }
            (from..from.saturating_add(count)).collect()
        }
        Some(other) => return Err(wrong(&format!("found `{other}`"))),
    };
    if seeds.is_empty() {
        return Err(wrong("found none"));
    }
    let mut sorted = seeds.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(wrong(&format!("found {} twice", pair[0]))),
        None => Ok(seeds),
    }
}

/// Reads the list of settings.
pub(crate) fn settings(known: &Known) -> Result<Vec<Setting>> {
    let entries = known.file.entries("settings")?;
    let setting = |entry: &Section| {
        entry.allow(&["set", "only"])?;
        let set = fields(entry, "set")?;
        if set.is_empty() {
            let expected = "not set; write `set.SECTION.FIELD = …`";
            return Err(entry.wrong(&entry.dotted("set"), expected));
        }
        Ok(Setting { set, only: Only::read(entry, known)? })
    };
    entries.iter().map(setting).collect()
}

/// Reads what is drawn.
pub(crate) fn random(known: &Known) -> Result<Option<Random>> {
    let Some(section) = known.file.section("random")? else { return Ok(None) };
    section.allow(&["draws", "seed", "fields"])?;
    let whole = |key: &str, default: Option<u64>, allowed: std::ops::RangeInclusive<u64>| {
        let range = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        let name = section.dotted(key);
        match section.get(key) {
            None => {
                default.ok_or_else(|| section.wrong(&name, &format!("not set, expected {range}")))
            }
            Some(value) => {
                let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
                number.filter(|number| allowed.contains(number)).ok_or_else(|| {
                    section.wrong(&name, &format!("found `{value}`, expected {range}"))
                })
            }
        }
    };
    let draws = whole("draws", None, 1..=1_000_000)?;
    let seed = whole("seed", Some(0), 0..=i64::MAX as u64)?;
    let fields = values::draws(&section, known)?;
    Ok(Some(Random { draws, seed, fields }))
}
