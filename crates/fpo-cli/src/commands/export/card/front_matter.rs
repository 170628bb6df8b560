//! The head of a card, in YAML, as the Hugging Face Hub reads it
//! (<https://huggingface.co/docs/hub/model-cards>): library, licence, tags, and the return as a
//! `model-index`.

use crate::commands::export::card::content::Card;
use crate::commands::export::card::words::{count, is_flow, quoted};

/// Returns the head of `card`, its marks included.
pub(super) fn front_matter(card: &Card) -> String {
    let task = &card.policy.info.task;
    let name = card.name();
    let license = card.license.unwrap_or("unknown");
    let mut tags = vec!["reinforcement-learning", "deep-reinforcement-learning", "fpo"];
    tags.extend(is_flow(card.policy).then_some("flow-matching"));
    tags.extend(card.has_graph.then_some("onnx"));
    let method = card.origin.as_ref().map(|origin| origin.config.algorithm.kind.name);
    tags.extend(method.filter(|method| *method != "fpo"));
    tags.push(task);
    let tags: String = tags.iter().map(|tag| format!("- {}\n", quoted(tag))).collect();
    let index = card.evaluation.as_ref().map_or(String::new(), |evaluation| {
        let report = &evaluation.report;
        let metric = format!("mean return of {}", count(report.episodes as u64, "episode"));
        format!(
            "model-index:\n\
             - name: {name}\n\
             \x20 results:\n\
             \x20 - task:\n\
             \x20     type: reinforcement-learning\n\
             \x20     name: reinforcement-learning\n\
             \x20   dataset:\n\
             \x20     name: {task}\n\
             \x20     type: {task}\n\
             \x20   metrics:\n\
             \x20   - type: mean_reward\n\
             \x20     value: {:.4}\n\
             \x20     name: {metric}\n\
             \x20     verified: false\n",
            report.return_mean,
            name = quoted(&name),
            task = quoted(task),
        )
    });
    format!(
        "---\n\
         library_name: fpo\n\
         license: {license}\n\
         pipeline_tag: reinforcement-learning\n\
         tags:\n{tags}{index}---\n"
    )
}
