//! Workflows taken away: one version as its file, one workflow with its history, or all of them as an archive of folders.
//! That somebody takes them is recorded first; what is long is read while it is sent.

mod zip;

use std::collections::BTreeMap;

use database::{
    folders, versions as files,
    workflows::{self as rows, WorkflowRow},
};
use domain::{
    Actor, FolderId, Problem, Scope, WorkflowId,
    audit::{AuditEvent, AuditEvents},
    permission::WorkflowRead,
};
use serde_json::{Value, json};

use super::{VersionState, not_found, version_line, version_of};
use crate::{Error, Platform, Result};
use zip::{Archive, ZipError};

/// What an archive says of itself, beside the folders.
const CONTENTS: &str = "mandate-export.json";

/// A version as the file it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Its name: `vendor-payment.md`.
    pub name: String,
    /// The text.
    pub source: String,
}

impl ExportedFile {
    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        if ending(&self.source) == "md" { "text/markdown; charset=utf-8" } else { "application/yaml; charset=utf-8" }
    }
}

/// Whether a text is Markdown with a front matter, or YAML alone.
pub(super) fn ending(source: &str) -> &'static str {
    // A front matter is closed by a second line of the same signs.
    let text = source.trim_start_matches('\u{feff}');
    let is_markdown = text.starts_with("---") && text.lines().skip(1).any(|line| line.trim_end() == "---");
    if is_markdown || text.starts_with('#') { "md" } else { "yaml" }
}

fn word(state: VersionState) -> &'static str {
    match state {
        VersionState::Published => "published",
        VersionState::Earlier => "earlier",
        VersionState::Draft => "draft",
        VersionState::Broken => "broken",
    }
}

impl From<ZipError> for Error {
    fn from(error: ZipError) -> Self {
        Self::Broken(format!("the workflows cannot be taken away: {error}"))
    }
}

/// An export under way. Rights are looked at again with every piece.
pub struct Export {
    platform: Platform,
    actor: Actor,
    what: What,
}

enum What {
    /// The versions of one workflow that are still to come, oldest last.
    History { slug: String, to_come: Vec<i64>, head: Option<String> },
    /// The workflows that are still to come, the first one last.
    All { to_come: Vec<ToCome>, archive: Archive, contents: Vec<Value> },
    /// Everything was given.
    Over,
}

struct ToCome {
    slug: String,
    folder: String,
}

impl Export {
    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// The right to read workflows was lost, or the database does not answer. What was given before is a beginning and no
    /// whole.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if matches!(self.what, What::Over) {
            return Ok(None);
        }
        self.actor = self.platform.renewed(&self.actor).await?;
        Scope::<WorkflowRead>::of(&self.actor, "workflows")?;
        match std::mem::replace(&mut self.what, What::Over) {
            What::Over => Ok(None),
            What::History { slug, to_come, head } => self.next_version(slug, to_come, head).await.map(Some),
            What::All { to_come, archive, contents } => self.next_workflow(to_come, archive, contents).await.map(Some),
        }
    }

    async fn next_version(&mut self, slug: String, mut to_come: Vec<i64>, head: Option<String>) -> Result<Vec<u8>> {
        let is_first = head.is_some();
        let mut text = head.unwrap_or_default();
        if let Some(number) = to_come.pop() {
            let shown = self.platform.workflow_version(&self.actor, &slug, number).await?.shown;
            let line = shown.version;
            let version = json!({
                "number": line.number,
                "label": line.label,
                "state": word(line.state),
                "message": line.message,
                "restored_from": line.restored_from,
                "saved_by": line.saved_by,
                "saved_at": line.saved_at.to_string(),
                "published_at": line.published_at.map(|at| at.to_string()),
                "content_hash": line.content_hash,
                "plan_hash": line.plan_hash,
                "source": shown.source,
            });
            if !is_first {
                text.push(',');
            }
            text.push_str("\n    ");
            text.push_str(&version.to_string());
        }
        if to_come.is_empty() {
            text.push_str("\n  ]\n}\n");
        } else {
            self.what = What::History { slug, to_come, head: None };
        }
        Ok(text.into_bytes())
    }

    async fn next_workflow(&mut self, mut to_come: Vec<ToCome>, mut archive: Archive, mut contents: Vec<Value>) -> Result<Vec<u8>> {
        let Some(next) = to_come.pop() else {
            let list = serde_json::to_string_pretty(&json!({"workflows": contents})).map_err(|error| Error::Broken(error.to_string()))?;
            let mut written = archive.file(CONTENTS, list.as_bytes())?;
            written.extend(archive.end()?);
            return Ok(written);
        };
        let mut written = Vec::new();
        let mut tx = self.platform.parts().database.read(&self.actor).await?;
        // One that was removed since the export began is left out.
        if let Some(found) = rows::find_by_slug(&mut tx, &next.slug).await? {
            let workflow = found.authorize::<WorkflowRead>(&self.actor)?;
            let number = workflow.published_version.unwrap_or(workflow.current_version);
            let version = version_of(&mut tx, &self.actor, &workflow, number).await?;
            let beside = files::files(&mut tx, &version).await?;
            drop(tx);
            let below = if next.folder.is_empty() { String::new() } else { format!("{}/", next.folder) };
            // What has files beside it has a folder of its own.
            let below = if beside.is_empty() { below } else { format!("{below}{}/", next.slug) };
            let path = format!("{below}{}.{}", next.slug, ending(&version.source));
            written.extend(archive.file(&path, version.source.as_bytes())?);
            for file in &beside {
                written.extend(archive.file(&format!("{below}{}", file.path), &file.content)?);
            }
            let line = version_line(version.into_inner().facts, workflow.published_version);
            contents.push(json!({
                "path": path,
                "id": next.slug,
                "folder": next.folder,
                "version": line.number,
                "state": word(line.state),
                "latest": workflow.current_version,
                "content_hash": line.content_hash,
                "saved_at": line.saved_at.to_string(),
            }));
        }
        self.what = What::All { to_come, archive, contents };
        // An empty piece would end a stream of some clients.
        if written.is_empty() { Box::pin(self.next()).await.map(Option::unwrap_or_default) } else { Ok(written) }
    }
}

fn exported(id: Option<WorkflowId>, name: &str, form: &'static str) -> AuditEvent {
    AuditEvent::done("workflow.exported", "workflow", id.map(|id| id.to_string()).unwrap_or_default(), name).with("form", form)
}

impl Platform {
    pub(super) async fn taken(&self, actor: &Actor, slug: &str, form: &'static str, number: Option<i64>) -> Result<WorkflowRow> {
        let mut tx = self.parts().database.write(actor).await?;
        let workflow = rows::find_by_slug(&mut tx, slug).await?.ok_or_else(not_found)?.authorize::<WorkflowRead>(actor)?;
        if let Some(number) = number {
            rows::version(&mut tx, workflow.id, number).await?.ok_or_else(|| Problem::not_found("version"))?;
        }
        let event = exported(Some(workflow.id), &workflow.name, form).with("slug", slug).with("version", number);
        let workflow = workflow.into_inner();
        tx.commit(AuditEvents::one(event)).await?;
        Ok(workflow)
    }

    /// A version as the file it was written in.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn export_version(&self, actor: &Actor, slug: &str, number: i64) -> Result<ExportedFile> {
        self.taken(actor, slug, "file", Some(number)).await?;
        let source = self.workflow_source(actor, slug, Some(number)).await?.source;
        Ok(ExportedFile { name: format!("{slug}.{}", ending(&source)), source })
    }

    /// Begins to take a workflow away with all of its versions, as one JSON document.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn export_history(&self, actor: &Actor, slug: &str) -> Result<Export> {
        let workflow = self.taken(actor, slug, "history", None).await?;
        let text = |text: &str| Value::from(text).to_string();
        let head = format!(
            "{{\n  \"id\": {},\n  \"name\": {},\n  \"published\": {},\n  \"versions\": [",
            text(slug),
            text(&workflow.name),
            Value::from(workflow.published_version)
        );
        let to_come = (1..=workflow.current_version).rev().collect();
        let what = What::History { slug: slug.to_owned(), to_come, head: Some(head) };
        Ok(Export { platform: self.clone(), actor: actor.clone(), what })
    }

    /// Begins to take all workflows away, as a zip archive of folders: of each the version that a start takes, or its
    /// newest draft while none was published.
    ///
    /// # Errors
    /// 403 without `workflow:read`.
    pub async fn export_workflows(&self, actor: &Actor) -> Result<Export> {
        let scope = Scope::<WorkflowRead>::of(actor, "workflows")?;
        let mut tx = self.parts().database.write(actor).await?;
        let paths: BTreeMap<FolderId, String> =
            folders::list(&mut tx, &scope).await?.into_iter().map(|row| (row.folder.id, row.folder.path)).collect();
        let list = rows::list(&mut tx, &scope).await?;
        let mut to_come: Vec<ToCome> = list
            .into_iter()
            .map(|row| {
                let folder = row.workflow.folder.and_then(|id| paths.get(&id).cloned()).unwrap_or_default();
                ToCome { slug: row.workflow.slug, folder }
            })
            .collect();
        to_come.reverse();
        let event = exported(None, "", "archive").with("workflows", to_come.len());
        tx.commit(AuditEvents::one(event)).await?;
        let what = What::All { to_come, archive: Archive::default(), contents: Vec::new() };
        Ok(Export { platform: self.clone(), actor: actor.clone(), what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_after_what_it_is() {
        for (source, expected) in [
            ("---\nworkflow: {id: a}\n---\n# A", "md"),
            ("# A workflow\n", "md"),
            ("\u{feff}---\r\nid: a\r\n---\r\n", "md"),
            ("name: a\nnodes: []\n", "yaml"),
            ("---\nname: a\nnodes: []\n", "yaml"),
        ] {
            assert_eq!(ending(source), expected, "{source}");
        }
    }
}
