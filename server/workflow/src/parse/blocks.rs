//! Which fenced blocks are steps, which belong to the front matter, and why all the others are neither.
//!
//! Nothing disappears: a block that is not used is listed with its line and the reason, because the
//! commonest surprise is a step that did not run.

use serde::Serialize;

use super::{
    diagnostic::{Report, nearest},
    fields::snake_case,
    markdown::{Document, Fence, Heading, Standing},
    source::{Excerpt, Place},
    steps::kinds,
    yaml::{self, Content, Node, Problem, Reading},
};

/// A fenced block that is not a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// The line of its opening fence, from 1.
    pub line: u32,
    /// The first word after the opening fence; empty when there is none.
    pub language: String,
    /// The heading above it.
    pub heading: Option<String>,
    /// Whether it reads like a step, so that its author may have meant one.
    pub candidate: bool,
    /// Why it is not a step, as a sentence without its full stop.
    pub reason: String,
}

/// A block that is a step.
#[derive(Debug)]
pub(super) struct StepBlock<'d> {
    /// The line of its opening fence.
    pub(super) line: u32,
    pub(super) heading: Option<&'d Heading>,
    /// How many steps stand before it under the same heading.
    pub(super) before: usize,
    /// `None` when the YAML is broken.
    pub(super) node: Option<Node>,
    /// What is wrong with the YAML: to be reported as a part of this step.
    pub(super) problems: Vec<Problem>,
    pub(super) text: &'d Excerpt,
}

/// A block that continues a part of the front matter.
#[derive(Debug)]
pub(super) struct Continuation {
    /// `inputs`, `outputs` or `triggers`.
    pub(super) section: &'static str,
    pub(super) node: Node,
}

/// All blocks of a file, sorted.
#[derive(Debug, Default)]
pub(super) struct Sorted<'d> {
    pub(super) steps: Vec<StepBlock<'d>>,
    pub(super) continuations: Vec<Continuation>,
    pub(super) others: Vec<Block>,
}

/// Sorts the blocks of a file. `steps_in_front` says that the front matter has steps of its own.
pub(super) fn sort<'d>(document: &'d Document, steps_in_front: bool, report: &mut Report) -> Sorted<'d> {
    let places = Places::of(document);
    let mut sorted = Sorted::default();
    let mut answered = vec![false; document.headings.len()];
    for fence in &document.fences {
        let errors_before = report.error_count();
        let steps_before = sorted.steps.len();
        Sorter { document, places: &places, steps_in_front, fence, report, sorted: &mut sorted }.sort();
        let found = sorted.steps.len() > steps_before || report.error_count() > errors_before;
        if let Some(answered) = fence.heading.and_then(|heading| answered.get_mut(heading)) {
            *answered |= found;
        }
    }
    for (index, heading) in document.headings.iter().enumerate() {
        if places.is_step_heading(index) && !answered.get(index).copied().unwrap_or_default() && !steps_in_front {
            report.hint(
                Place::line(heading.line),
                "heading_without_step",
                format!("`{}` is numbered like a step, but no step stands below it", heading.title),
                "put the step's yaml block directly below this heading, or leave the number out".to_owned(),
            );
        }
    }
    sorted
}

/// What the headings say about the blocks below them.
struct Places {
    /// For each heading: the headings that contain it, outermost first, itself last.
    paths: Vec<Vec<usize>>,
    documentary: Vec<bool>,
    step: Vec<bool>,
    any_step: bool,
}

impl Places {
    fn of(document: &Document) -> Self {
        let headings = &document.headings;
        let mut paths: Vec<Vec<usize>> = Vec::new();
        let mut path: Vec<usize> = Vec::new();
        for (index, heading) in headings.iter().enumerate() {
            path.retain(|above| headings.get(*above).is_some_and(|above| above.level < heading.level));
            path.push(index);
            paths.push(path.clone());
        }
        // The title of the file says what the workflow is about (`# Release notes`), not what the text is for.
        let is_title = |index: usize| index == 0 && headings.first().is_some_and(|heading| heading.level == 1);
        let speaks: Vec<bool> =
            headings.iter().enumerate().map(|(index, heading)| !is_title(index) && is_documentary(&heading.title)).collect();
        let any = |path: &[usize]| path.iter().any(|index| speaks.get(*index).copied().unwrap_or_default());
        let numbered = |index: usize| headings.get(index).is_some_and(|heading| heading.number.is_some());
        let step: Vec<bool> = paths
            .iter()
            .enumerate()
            .map(|(index, path)| numbered(index) && !any(path.split_last().map_or(&[][..], |(_, above)| above)))
            .collect();
        let documentary = paths.iter().map(|path| any(path)).collect();
        let any_step = step.contains(&true);
        Self { paths, documentary, step, any_step }
    }

    fn is_step_heading(&self, heading: usize) -> bool {
        self.step.get(heading).copied().unwrap_or_default()
    }

    fn is_documentary(&self, heading: Option<usize>) -> bool {
        heading.and_then(|heading| self.documentary.get(heading)).copied().unwrap_or_default()
    }

    /// Whether a step heading contains this one.
    fn is_below_step_heading(&self, heading: Option<usize>) -> bool {
        heading.and_then(|heading| self.paths.get(heading)).is_some_and(|path| path.iter().any(|index| self.is_step_heading(*index)))
    }
}

fn words(title: &str) -> impl Iterator<Item = String> {
    title.split(|sign: char| !sign.is_alphanumeric()).map(str::to_lowercase)
}

/// Headings that speak of the file instead of being part of what it does.
fn is_documentary(title: &str) -> bool {
    words(title).any(|word| {
        matches!(word.as_str(), "example" | "examples" | "usage" | "note" | "notes" | "reference" | "references" | "troubleshooting")
    })
}

/// The parts of the front matter that a heading names.
fn named_sections(title: &str) -> Vec<&'static str> {
    let mut sections: Vec<_> = words(title)
        .filter_map(|word| match word.as_str() {
            "input" | "inputs" => Some("inputs"),
            "output" | "outputs" => Some("outputs"),
            "trigger" | "triggers" => Some("triggers"),
            _ => None,
        })
        .collect();
    sections.dedup();
    sections
}

/// Why the kind of a mapping is or is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// It names a kind.
    Step,
    /// It has keys that only steps have, but no kind.
    Unnamed,
    /// Neither.
    Other,
}

fn look(node: &Node, below_step_heading: bool) -> Look {
    let Some(entries) = node.entries() else { return Look::Other };
    let keys: Vec<String> = entries.iter().map(|entry| snake_case(&entry.key)).collect();
    let names_kind = entries.iter().zip(&keys).any(|(entry, key)| {
        let scalar = entry.node.scalar();
        match key.as_str() {
            "type" => scalar.is_some_and(|scalar| kinds::TYPES.contains(&scalar.text.as_str())),
            // The front matter has a `workflow` of its own, a mapping.
            "workflow" => scalar.is_some(),
            key => kinds::NAMING_KEYS.contains(&key),
        }
    });
    if names_kind {
        return Look::Step;
    }
    let telling = keys
        .iter()
        .any(|key| kinds::TELLING_KEYS.contains(&key.as_str()) || (below_step_heading && kinds::COMMON_KEYS.contains(&key.as_str())));
    if telling { Look::Unnamed } else { Look::Other }
}

struct Sorter<'s, 'd> {
    document: &'d Document,
    places: &'s Places,
    steps_in_front: bool,
    fence: &'d Fence,
    report: &'s mut Report,
    sorted: &'s mut Sorted<'d>,
}

impl Sorter<'_, '_> {
    fn sort(mut self) {
        let fence = self.fence;
        let documentary = self.places.is_documentary(fence.heading);
        if fence.standing != Standing::Text {
            let reason = match fence.standing {
                Standing::Quotation => "it stands in a quotation",
                Standing::Comment => "it stands in an HTML comment",
                _ => "it is indented by four columns or more, which Markdown shows as it is",
            };
            let candidate = fence.is_yaml() && yaml::read(&fence.body).node.is_some_and(|node| look(&node, false) == Look::Step);
            return self.other(candidate, reason);
        }
        if !fence.closed {
            let place = Place { length: 3, ..Place::line(fence.line) };
            self.report.error_with(
                place,
                "unclosed_fence",
                "this fence is never closed",
                "end the block with a line of the same signs".to_owned(),
            );
            return;
        }
        if matches!(fence.language.as_str(), "tool" | "loop" | "condition") && !documentary {
            self.report.error_with(
                Place { length: 3, ..Place::line(fence.line) },
                "refused_fence",
                format!("blocks of `{}` are not part of the language", fence.language),
                "write the step as a block of `yaml`".to_owned(),
            );
            return;
        }
        if !fence.is_yaml() {
            let reason = if fence.language.is_empty() {
                "it names no language; steps are blocks of `yaml`".to_owned()
            } else {
                format!("it is `{}`; steps are blocks of `yaml`", fence.language)
            };
            return self.other(false, reason);
        }
        let reading = yaml::read(&fence.body);
        let below = fence.heading.is_some_and(|heading| self.places.is_step_heading(heading));
        let reading = if below || documentary { Some(reading) } else { self.continuation(reading) };
        let Some(reading) = reading else { return };
        match self.refusal(documentary) {
            None => self.step_or_other(reading, below),
            Some(reason) => {
                let candidate = reading.node.as_ref().is_some_and(|node| look(node, false) == Look::Step);
                if candidate && self.places.is_below_step_heading(fence.heading) && !documentary {
                    self.report.hint(
                        Place { length: 3, ..Place::line(fence.line) },
                        "not_a_step",
                        "this block reads like a step but is none, because a heading stands between it and the step heading",
                        "give it a step heading of its own, or remove the heading above it".to_owned(),
                    );
                }
                let reason = if candidate || reading.is_broken() { reason } else { format!("{NO_KIND}, and {reason}") };
                self.other(candidate, reason);
            }
        }
    }

    /// Why no step can stand where the fence stands.
    fn refusal(&self, documentary: bool) -> Option<String> {
        let heading = self.fence.heading.and_then(|index| Some((index, self.document.headings.get(index)?)));
        if self.steps_in_front {
            return Some("the steps are in the front matter".into());
        }
        if self.places.any_step {
            return match heading {
                Some((index, _)) if self.places.is_step_heading(index) => None,
                Some((_, heading)) => Some(format!("`{}` is no step heading, and this file has step headings", heading.title)),
                None => Some("it stands above the first step heading".into()),
            };
        }
        // A candidate under such a heading is documentation, wherever in the section it stands.
        let above = heading.map_or("", |(_, heading)| heading.title.as_str());
        documentary.then(|| format!("it stands under `{above}`, in a section that explains"))
    }

    fn step_or_other(mut self, reading: Reading, below: bool) {
        if reading.is_broken() {
            return self.step(reading);
        }
        match reading.node.as_ref().map(|node| look(node, below)) {
            // What a step does that does not say so is reported where steps are read.
            Some(Look::Step | Look::Unnamed) => self.step(reading),
            Some(Look::Other) => self.other(false, NO_KIND),
            None => self.other(false, "it is empty"),
        }
    }

    fn sections(&self) -> Vec<&'static str> {
        let heading = self.fence.heading.and_then(|index| self.document.headings.get(index));
        heading.map(|heading| named_sections(&heading.title)).unwrap_or_default()
    }

    /// Takes the block as a part of the front matter, if its heading names one; gives it back otherwise.
    fn continuation(&mut self, reading: Reading) -> Option<Reading> {
        let sections = self.sections();
        let is_step = reading.node.as_ref().is_some_and(|node| look(node, false) == Look::Step && !is_declaration(node));
        if sections.is_empty() || is_step {
            return Some(reading);
        }
        let Some(root) = reading.node.as_ref() else {
            // Broken declarations must not vanish.
            if reading.is_broken() {
                reading.report(self.report);
                return None;
            }
            return Some(reading);
        };
        let section_keys = ["inputs", "outputs", "triggers"];
        let is_list_of_triggers = matches!(root.content, Content::List(_)) && sections == ["triggers"];
        let has_section_keys = root.entries().is_some_and(|entries| entries.iter().any(|entry| section_keys.contains(&entry.key.as_str())));
        if !is_list_of_triggers && root.entries().is_none() {
            return Some(reading);
        }
        let node = reading.report(self.report)?;
        if has_section_keys {
            for entry in node.entries().unwrap_or_default() {
                match section_keys.iter().find(|section| **section == entry.key) {
                    Some(section) => self.sorted.continuations.push(Continuation { section, node: entry.node.clone() }),
                    None => self.report.error_with(
                        entry.key_place,
                        "unknown_key",
                        format!("`{}` cannot stand beside `inputs`, `outputs` or `triggers` here", super::scalar::short(&entry.key)),
                        nearest(&entry.key, section_keys).map(|near| format!("did you mean `{near}`?")),
                    ),
                }
            }
        } else if let [section] = sections.as_slice() {
            self.sorted.continuations.push(Continuation { section, node });
        } else {
            self.report.error_with(
                node.place,
                "ambiguous_block",
                "the heading names more than one part of the front matter",
                format!("say which is meant, with `{}:` above", sections.join(":` or `")),
            );
        }
        None
    }

    fn step(&mut self, reading: Reading) {
        let heading = self.fence.heading.and_then(|index| self.document.headings.get(index));
        // The blocks of one heading follow each other.
        let last = self.sorted.steps.last().filter(|last| last.heading.map(|above| above.line) == heading.map(|above| above.line));
        let before = last.map_or(0, |last| last.before + 1);
        let Reading { node, problems } = reading;
        self.sorted.steps.push(StepBlock { line: self.fence.line, heading, before, node, problems, text: &self.fence.body });
    }

    fn other(&mut self, candidate: bool, reason: impl Into<String>) {
        let heading = self.fence.heading.and_then(|index| self.document.headings.get(index));
        self.sorted.others.push(Block {
            line: self.fence.line,
            language: self.fence.language.clone(),
            heading: heading.map(|heading| heading.title.clone()),
            candidate,
            reason: reason.into(),
        });
    }
}

const NO_KIND: &str = "it has neither a `type` nor a key that names a kind of step";

/// Whether a mapping declares inputs or outputs whose names happen to be those of kinds: every value is
/// itself a declaration.
fn is_declaration(node: &Node) -> bool {
    let declares = |node: &Node| node.entries().is_some_and(|entries| entries.iter().any(|entry| entry.key == "type"));
    node.entries().is_some_and(|entries| !entries.is_empty() && entries.iter().all(|entry| declares(&entry.node)))
}
