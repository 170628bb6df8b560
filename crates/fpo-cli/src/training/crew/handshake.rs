//! What ranks must have in common before they begin. They may run on different machines, each with
//! files of its own.

use anyhow::{Context, Result, bail};
use fpo_core::Isa;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::choices::KernelChoice;
use crate::config::resolved::Config;
use crate::host;
use crate::terminal::failure::UsageError;
use crate::training::changes::Change;
use crate::training::checkpoint::recognised_fields;
use crate::training::crew::Crew;

/// What a rank says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Card {
    /// What must be alike and is not configured, in words, with its value.
    facts: Vec<(String, String)>,
    /// The fields of its configuration that decide the result; none for a run that goes on, whose
    /// configuration rank 0 has.
    fields: Option<Map<String, Value>>,
}

impl Card {
    fn of(config: Option<&Config>) -> Result<Card> {
        let none = || "none".to_string();
        let composed = config.is_some_and(|config| config.train.kernels == KernelChoice::Composed);
        // Fused kernels have the same bits with all vectors of this family.
        let family = match Isa::best() {
            Isa::Portable => Isa::Portable.name(),
            widest if composed => widest.name(),
            Isa::Avx2 | Isa::Avx512 => "avx2 or avx512",
        };
        let facts = [
            ("the version of fpo", host::VERSION.to_string()),
            ("the commit of fpo", host::COMMIT.map_or_else(none, str::to_string)),
            ("the version of MuJoCo", host::mujoco_version().unwrap_or_else(none)),
            ("the instruction set", family.to_string()),
        ];
        Ok(Card {
            facts: facts.map(|(what, value)| (what.to_string(), value)).to_vec(),
            fields: config.map(recognised_fields).transpose()?,
        })
    }
}

/// Lets all ranks show what they are, and what configuration they have, if they have one. Returns
/// that of this rank.
///
/// # Errors
/// The error of a rank that could not load its configuration, or the first difference between a
/// rank and rank 0, the same on all ranks.
pub fn meet(crew: &Crew, config: Option<Result<Config>>) -> Result<Option<Config>> {
    let config = config.transpose();
    if crew.size() == 1 {
        return config;
    }
    let config = crew.agree(config)?;
    let card = Card::of(config.as_ref())?;
    let cards: Vec<Card> = crew
        .gather(&serde_json::to_vec(&card)?)?
        .iter()
        .map(|bytes| serde_json::from_slice(bytes))
        .collect::<Result<_, _>>()
        .context("a rank has sent something that is no card")?;
    compare(&cards)?;
    Ok(config)
}

/// Fails with the first difference between a card and that of rank 0.
fn compare(cards: &[Card]) -> Result<()> {
    let Some((first, others)) = cards.split_first() else { return Ok(()) };
    for (rank, card) in (1..).zip(others) {
        for ((what, there), (_, here)) in first.facts.iter().zip(&card.facts) {
            if there != here {
                bail!(
                    "{what} is {there} on rank 0 and {here} on rank {rank}: all ranks of a run \
                     must have the same"
                );
            }
        }
        let empty = Map::new();
        let fields = |card: &Card| card.fields.clone().unwrap_or_else(|| empty.clone());
        let value = |value: &Value| match value {
            Value::Null => "the default".to_string(),
            value => value.to_string(),
        };
        if let Some(Change { field, from, to }) =
            Change::between(&fields(first), &fields(card)).first()
        {
            let text = format!(
                "`{field}` is {} on rank 0 and {} on rank {rank}: all ranks of a run must have \
                 the same configuration; with --ranks off each process makes a run of its own",
                value(from),
                value(to)
            );
            return Err(UsageError(text).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn card(version: &str, fields: Value) -> Card {
        let facts = vec![("the version of fpo".into(), version.into())];
        Card { facts, fields: fields.as_object().cloned() }
    }

    #[test]
    fn the_first_difference_is_named_with_both_values() {
        let same = card("1", json!({"train.seed": 3}));
        assert!(compare(&[same.clone(), same.clone(), same.clone()]).is_ok());
        let older = card("0", json!({"train.seed": 3}));
        let error = compare(&[same.clone(), same.clone(), older]).unwrap_err().to_string();
        assert!(error.starts_with("the version of fpo is 1 on rank 0 and 0 on rank 2"), "{error}");
        let other = card("1", json!({"train.seed": 4}));
        let error = compare(&[same.clone(), other]).unwrap_err();
        assert!(error.is::<UsageError>());
        assert!(error.to_string().starts_with("`train.seed` is 3 on rank 0 and 4 on rank 1"));
        let more = card("1", json!({"train.seed": 3, "train.num_epochs": 9}));
        let error = compare(&[same, more]).unwrap_err().to_string();
        assert!(error.contains("is the default on rank 0 and 9 on rank 1"), "{error}");
    }

    #[test]
    fn the_card_of_this_process_holds_what_decides_bits() {
        let card = Card::of(None).unwrap();
        assert_eq!(card.fields, None);
        assert!(card.facts.iter().any(|(_, value)| value == host::VERSION), "{card:?}");
    }
}
