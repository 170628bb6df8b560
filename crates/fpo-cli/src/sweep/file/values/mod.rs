//! Fields with several values: those of a grid, and those that are drawn.

#[cfg(test)]
mod tests;

use anyhow::Result;
use toml::{Table, Value};

use crate::config::merge::merge;
use crate::run::sealed_json::sha256;
use crate::sweep::file::only::Only;
use crate::sweep::file::parts::Known;
use crate::sweep::file::section::Section;

/// Keys by which a table says how a field gets its values. No field of a configuration has such a
/// name.
const WAYS: [&str; 5] = ["values", "uniform", "log_uniform", "choices", "only"];
/// Significant digits of numbers that are drawn, so that a person can read and repeat them.
const DIGITS: usize = 3;

/// A field of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Dotted name of the field.
    pub field: String,
    /// The values, each a run of its own.
    pub values: Vec<Value>,
    /// The runs that have it.
    pub only: Only,
}

/// Where the values of a drawn field come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Equally likely between two numbers.
    Uniform(Bounds),
    /// Numbers whose logarithm is equally likely between those of two positive numbers.
    LogUniform(Bounds),
    /// One of some values.
    Choices(Vec<Value>),
}

/// Two numbers, the first one smaller. Whole numbers give whole numbers, the bounds included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    low: f64,
    high: f64,
    whole: bool,
}

/// A drawn field.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Dotted name of the field.
    pub field: String,
    /// Where its values come from.
    pub law: Law,
    /// The runs that have it.
    pub only: Only,
}

impl Draw {
    /// Returns the value of draw number `index`. It depends on `seed`, the field and `index` alone,
    /// so that a field that is added to a sweep, or more draws, leave the others as they are.
    pub fn value(&self, seed: u64, index: u64) -> Value {
        let digest = sha256(format!("{seed}/{}/{index}", self.field).as_bytes());
        // Thirteen hexadecimal digits are 52 bits, which an f64 holds exactly.
        let bits = u64::from_str_radix(&digest[..13], 16).unwrap_or_default();
        let u = bits as f64 / (1_u64 << 52) as f64;
        match &self.law {
            Law::Choices(values) => {
                let at = (u * values.len() as f64) as usize;
                values[at.min(values.len() - 1)].clone()
            }
            Law::Uniform(bounds) if bounds.whole => {
                let count = bounds.high - bounds.low + 1.0;
                Value::Integer((bounds.low + (u * count).floor()) as i64)
            }
            Law::Uniform(bounds) => bounds.near(bounds.low + u * (bounds.high - bounds.low)),
            Law::LogUniform(bounds) => {
                bounds.near((bounds.low.ln() + u * (bounds.high / bounds.low).ln()).exp())
            }
        }
    }
}

impl Bounds {
    /// Returns `x` in few digits, within the bounds.
    fn near(&self, x: f64) -> Value {
        let short = format!("{x:.*e}", DIGITS - 1).parse().unwrap_or(x);
        match self.whole {
            true => Value::Integer(x.round().clamp(self.low, self.high) as i64),
            false => Value::Float(short.clamp(self.low, self.high)),
        }
    }
}

/// Reads the fields of `[grid]`.
pub(crate) fn grid(known: &Known) -> Result<Vec<Axis>> {
    let Some(section) = known.file.section("grid")? else { return Ok(Vec::new()) };
    let mut axes = Vec::new();
    for (field, value) in flat(&section.whole_table()) {
        let place = section.dotted(&field);
        let (values, only) = match &value {
            Value::Array(values) => (values.clone(), Only::default()),
            Value::Table(table) => {
                let way = Section::new(&section, place.clone(), table);
                way.allow(&["values", "only"])?;
                match way.get("values") {
                    Some(Value::Array(values)) => (values.clone(), Only::read(&way, known)?),
                    _ => return Err(section.wrong(&place, "expected `values`, a list of values")),
                }
            }
            other => {
                let text = format!(
                    "found `{other}`, expected a list of values, or {{ values = […], only.method = \
                     \"…\" }}; a field with one value stands in `[set]`"
                );
                return Err(section.wrong(&place, &text));
            }
        };
        refuse_seed(&section, &place, &field)?;
        if values.is_empty() {
            return Err(section.wrong(&place, "found an empty list, expected one value or more"));
        }
        axes.push(Axis { field, values, only });
    }
    Ok(axes)
}

/// Reads the fields of `[random]`, which is `section`.
pub(crate) fn draws(section: &Section, known: &Known) -> Result<Vec<Draw>> {
    let fields_section = section.section("fields")?;
    let table = fields_section.map(|fields| fields.whole_table()).unwrap_or_default();
    let mut draws = Vec::new();
    for (field, value) in flat(&table) {
        let place = section.inside("fields", &field);
        refuse_seed(section, &place, &field)?;
        let expected = "expected one of { uniform = [from, to] }, { log_uniform = [from, to] } and \
                        { choices = […] }";
        let Value::Table(table) = &value else {
            return Err(section.wrong(&place, &format!("found `{value}`, {expected}")));
        };
        let way = Section::new(section, place.clone(), table);
        way.allow(&["uniform", "log_uniform", "choices", "only"])?;
        let laws = ["uniform", "log_uniform", "choices"].map(|key| way.get(key));
        let law = match laws {
            [Some(bounds), None, None] => {
                Law::Uniform(self::bounds(section, &place, bounds, f64::MIN)?)
            }
            [None, Some(bounds), None] => {
                Law::LogUniform(self::bounds(section, &place, bounds, f64::MIN_POSITIVE)?)
            }
            [None, None, Some(Value::Array(values))] if !values.is_empty() => {
                Law::Choices(values.clone())
            }
            _ => return Err(section.wrong(&place, expected)),
        };
        draws.push(Draw { field, law, only: Only::read(&way, known)? });
    }
    if draws.is_empty() {
        let text = "no field to draw; write `fields.SECTION.FIELD = { uniform = [0.0, 1.0] }`";
        return Err(section.wrong(&section.dotted("fields"), text));
    }
    Ok(draws)
}

/// Reads two ascending numbers of at least `least`.
fn bounds(section: &Section, place: &str, value: &Value, least: f64) -> Result<Bounds> {
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    let pair = value.as_array().map(|list| list.iter().map(number).collect::<Vec<_>>());
    match pair.as_deref() {
        Some([Some(low), Some(high)]) if *low >= least && low < high && high.is_finite() => {
            let whole = value.as_array().is_some_and(|list| list.iter().all(Value::is_integer));
            Ok(Bounds { low: *low, high: *high, whole })
        }
        _ => {
            let positive = if least > 0.0 { " above 0" } else { "" };
            let text = format!(
                "found `{value}`, expected two numbers{positive}, the smaller one first, such as \
                 [0.01, 0.1]"
            );
            Err(section.wrong(place, &text))
        }
    }
}

fn refuse_seed(section: &Section, place: &str, field: &str) -> Result<()> {
    match field {
        "train.seed" => Err(section.wrong(place, "the seeds of a sweep stand in `seeds`")),
        _ => Ok(()),
    }
}

/// Returns the fields in nested tables by their dotted names. A table that says how a field gets
/// its values is a value.
pub fn flat(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.keys().any(|key| WAYS.contains(&key.as_str())) => {
                let inside = flat(inner).into_iter();
                found.extend(inside.map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => found.push((key.clone(), value.clone())),
        }
    }
    found
}

/// Reads the fields in the table `key` of `section`.
pub(crate) fn fields(section: &Section, key: &str) -> Result<Table> {
    let set = unquoted(&section.table(key)?);
    section.refuse_seed(key, &set)?;
    Ok(set)
}

/// Returns `table` with quoted dotted names, such as `"train.seed" = 1`, as nested tables.
pub fn unquoted(table: &Table) -> Table {
    let mut plain = Table::new();
    for (field, value) in flat(table) {
        merge(&mut plain, nested(&field, value), "", &mut |_| {});
    }
    plain
}

/// Returns nested tables that hold `value` under the dotted name `field`.
pub fn nested(field: &str, value: Value) -> Table {
    let wrap = |inner: Value, name: &str| Value::Table(Table::from_iter([(name.into(), inner)]));
    match field.rsplit('.').fold(value, wrap) {
        Value::Table(table) => table,
        // `rsplit` yields a name at least once, so that there is a table around the value.
        _ => Table::new(),
    }
}
