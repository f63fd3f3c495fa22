//! What a step may ask for beyond its kind: an agent, what helps to choose one, and narrower permissions.

use super::Reader;
use crate::{
    parse::{
        diagnostic::Report,
        fields::Fields,
        scalar,
        yaml::{Content, Entry},
    },
    plan::{Further, OnLimit, Permissions, Reach},
};

/// The largest file that can be named, in bytes.
const LARGEST_FILE: i64 = 1 << 40;

impl Reader<'_> {
    pub(super) fn further(&mut self, fields: &mut Fields<'_>, notify: Vec<String>, on_limit: Option<OnLimit>) -> Option<Box<Further>> {
        let report = &mut self.context.report;
        let agent = fields.take(report, "agent", &[]).and_then(|entry| scalar::name(report, "agent", &entry.node)).map(str::to_owned);
        let hints = fields.take(report, "agent_hints", &[]).and_then(|entry| scalar::json(report, &entry.node));
        let permissions = fields.take(report, "permissions", &[]).and_then(|entry| {
            let permissions = permissions(report, entry)?;
            let of_file = self.header.declared.permissions.as_ref();
            for key in of_file.map(|of_file| wider(&permissions, of_file)).unwrap_or_default() {
                let place = entry.node.entry(key).map_or(entry.key_place, |entry| entry.key_place);
                let message = format!("a step may narrow what the file allows, and `{key}` widens it");
                report.error_with(place, "wider_permission", message, format!("leave `{key}` out, or allow it in the front matter"));
            }
            Some(permissions)
        });
        let further = Further { agent, agent_hints: hints, permissions, notify, on_limit };
        (further != Further::default()).then(|| Box::new(further))
    }
}

/// What may be touched at most.
pub(in crate::parse) fn permissions(report: &mut Report, entry: &Entry) -> Option<Permissions> {
    let mut fields = Fields::of(report, "permissions", &entry.node)?;
    let reach = |report: &mut Report, fields: &mut Fields<'_>, key| fields.take(report, key, &[]).and_then(|entry| reach(report, entry));
    let read = reach(report, &mut fields, "read");
    let write = reach(report, &mut fields, "write");
    let execute = reach(report, &mut fields, "execute");
    let mut texts = |report: &mut Report, key| fields.take(report, key, &[]).and_then(|entry| texts(report, entry));
    let allowed_commands = texts(report, "allowed_commands");
    let blocked_commands = texts(report, "blocked_commands");
    let allowed_directories = texts(report, "allowed_directories");
    let blocked_paths = texts(report, "blocked_paths");
    let allowed_hosts = texts(report, "allowed_hosts");
    let network = fields.take(report, "network", &[]).and_then(|entry| scalar::boolean(report, "network", &entry.node));
    let size =
        fields.take(report, "max_file_size", &[]).and_then(|entry| scalar::integer(report, "max_file_size", &entry.node, 0..=LARGEST_FILE));
    fields.finish(report, "`permissions`");
    Some(Permissions {
        read,
        write,
        execute,
        allowed_commands,
        blocked_commands,
        allowed_directories,
        blocked_paths,
        network,
        allowed_hosts,
        max_file_size: size.and_then(|size| u64::try_from(size).ok()),
    })
}

/// `true`, `false`, or patterns.
fn reach(report: &mut Report, entry: &Entry) -> Option<Reach> {
    if matches!(entry.node.content, Content::List(_)) {
        return texts(report, entry).map(Reach::Globs);
    }
    let word = entry.node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
    if !word.is_empty() && (word.contains(['*', '/', '.'])) {
        return scalar::name(report, &entry.key, &entry.node).map(|glob| Reach::Globs(vec![glob.to_owned()]));
    }
    scalar::boolean(report, &entry.key, &entry.node).map(|all| if all { Reach::All } else { Reach::None })
}

/// A list of texts, or one.
pub(in crate::parse) fn texts(report: &mut Report, entry: &Entry) -> Option<Vec<String>> {
    let items = match &entry.node.content {
        Content::List(items) => items.as_slice(),
        Content::Refused => return None,
        _ => std::slice::from_ref(&entry.node),
    };
    let texts: Vec<_> = items
        .iter()
        .map(|item| match item.content {
            Content::List(_) | Content::Map(_) => {
                report.error(item.place, "wrong_type", format!("`{}` is a list of texts, and this is {}", entry.key, item.description()));
                None
            }
            _ => scalar::name(report, &entry.key, item).map(str::to_owned),
        })
        .collect();
    texts.into_iter().collect()
}

/// What a step asks for beyond what the file allows, by key: a step may narrow and never widen.
fn wider(step: &Permissions, file: &Permissions) -> Vec<&'static str> {
    let reach = |step: Option<&Reach>, file: Option<&Reach>| match (step, file) {
        (None | Some(Reach::None), _) | (_, None | Some(Reach::All)) => false,
        (Some(Reach::All), Some(Reach::Globs(_))) | (Some(_), Some(Reach::None)) => true,
        (Some(Reach::Globs(step)), Some(Reach::Globs(file))) => !step.iter().all(|glob| file.contains(glob)),
    };
    // What is said to be the only ones has to be among those of the file.
    let among = |step: Option<&Vec<String>>, file: Option<&Vec<String>>| match (step, file) {
        (Some(step), Some(file)) => !step.iter().all(|name| file.contains(name)),
        _ => false,
    };
    let more = |step: Option<u64>, file: Option<u64>| step.zip(file).is_some_and(|(step, file)| step > file);
    [
        ("read", reach(step.read.as_ref(), file.read.as_ref())),
        ("write", reach(step.write.as_ref(), file.write.as_ref())),
        ("execute", reach(step.execute.as_ref(), file.execute.as_ref())),
        ("allowed_commands", among(step.allowed_commands.as_ref(), file.allowed_commands.as_ref())),
        ("allowed_directories", among(step.allowed_directories.as_ref(), file.allowed_directories.as_ref())),
        ("allowed_hosts", among(step.allowed_hosts.as_ref(), file.allowed_hosts.as_ref())),
        ("network", step.network == Some(true) && file.network == Some(false)),
        ("max_file_size", more(step.max_file_size, file.max_file_size)),
    ]
    .into_iter()
    .filter(|(_, wider)| *wider)
    .map(|(key, _)| key)
    .collect()
}
